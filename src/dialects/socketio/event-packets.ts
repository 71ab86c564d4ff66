/**
 * What the server's frames are as events of one namespace. A publication is put together once for all of its readers:
 * frames of a tail are the same objects for everybody who stands at the same place.
 */
import { typeOf } from '../event-text.ts';
import type { EventTable, Excepted, PublishedEvent, ServerEvent } from '../../node/event-table.ts';
import { utf8 } from '../../protocol/json-publication.ts';
import { ME } from '../../protocol/topic.ts';
import { singleOffset } from './places.ts';

/** Publications that are remembered, and their bytes: as many as one turn has for neighbours. */
const MOST_FRAMES = 512;
const MOST_BYTES = 2_097_152;
const DATA = '"data":{';
const TYPE_BROADCAST = '{"type":"Broadcast",';
const TYPE_DIRECT = '{"type":"DirectMessage",';
const ID = '{"id":"';
const TOPIC = '"topic":"';
const SEQUENCE = '"sequence":';
const EPOCH = '"epoch":"';

interface Opened {
  /** The event without its last bracket; `null` for what is not sent. */
  readonly text: string | null;
  readonly except: Excepted | null;
}

/** `epoch` is `''` and `sequence` -1 where the topic keeps no log. */
interface Placed {
  readonly topic: string;
  readonly epoch: string;
  readonly sequence: number;
}

/** A publication as an event. */
export class EventPacket {
  readonly topic: string;
  readonly epoch: string;
  readonly sequence: number;
  /** What it was made of, for who looks for it again. */
  readonly frame: Uint8Array;
  /** The clients that are not sent it; `null` when everybody is. */
  readonly except: Excepted | null;
  /** The publication that was asked for after it, last time: neighbours ask for the same ones in the same order. */
  next: EventPacket | null = null;
  /** All but the last bracket; `null` for what is not sent. */
  private readonly open: string | null;
  private bytes: Buffer | null = null;
  private single: Buffer | null = null;

  constructor(frame: Uint8Array, opened: Opened, { topic, epoch, sequence }: Placed) {
    this.frame = frame;
    this.open = opened.text;
    this.except = opened.except;
    this.topic = topic;
    this.epoch = epoch;
    this.sequence = sequence;
  }

  get isSent(): boolean {
    return this.open !== null;
  }

  /** Without an offset. */
  get plain(): Buffer {
    return (this.bytes ??= Buffer.from(`${this.open ?? ''}]`));
  }

  /** For who has this topic and no other. */
  get withOffset(): Buffer {
    return (this.single ??= Buffer.from(this.with(singleOffset(this.topic, this.epoch, this.sequence))));
  }

  with(offset: string): string {
    return `${this.open ?? ''},${JSON.stringify(offset)}]`;
  }
}

export class EventPackets {
  private readonly table: EventTable;
  /** `2`, or `2/name,`. */
  private readonly head: string;
  private readonly known = new Map<Uint8Array, EventPacket>();
  private bytes = 0;
  private last: EventPacket | null = null;
  /** The name that was read last: those who have one topic compare it with theirs, which is free for the same object. */
  private topic = '';

  constructor(table: EventTable) {
    this.table = table;
    this.head = `42${prefixOf(table.namespace)}`;
  }

  of(frame: Uint8Array): EventPacket {
    const { last } = this;
    const next = last === null ? null : last.next;
    const found = next !== null && next.frame === frame ? next : this.find(frame);
    if (last !== null) last.next = found;
    this.last = found;
    return found;
  }

  event({ event, args }: ServerEvent, offset: string | null = null): string {
    const all = offset === null ? [event, ...args] : [event, ...args, offset];
    return this.head + JSON.stringify(all);
  }

  /** An event whose one argument is JSON text. */
  eventText(event: string, argument: string, offset: string | null = null): string {
    return `${this.head}["${event}",${argument}${offset === null ? '' : `,${JSON.stringify(offset)}`}]`;
  }

  private find(frame: Uint8Array): EventPacket {
    const known = this.known.get(frame);
    if (known !== undefined) return known;
    if (this.known.size >= MOST_FRAMES || this.bytes >= MOST_BYTES) this.forget();
    const made = this.read(frame);
    this.known.set(frame, made);
    this.bytes += frame.byteLength * 2;
    return made;
  }

  private forget(): void {
    this.known.clear();
    this.bytes = 0;
    this.last = null;
  }

  /** @param frame a publication as `protocol/json-publication.ts` prints it, perhaps marked as replayed */
  private read(frame: Uint8Array): EventPacket {
    const text = utf8(frame);
    const isDirect = text.startsWith(TYPE_DIRECT);
    const dataAt = text.indexOf(DATA) + DATA.length;
    const end = text.lastIndexOf('}');
    const head = text.slice((isDirect ? TYPE_DIRECT : TYPE_BROADCAST).length, dataAt - DATA.length);
    const flat = `{${head}${text.slice(dataAt, end)}`;
    let at = dataAt;
    let topic: string = ME;
    if (text.startsWith(TOPIC, at)) {
      const topicEnd = text.indexOf('"', at + TOPIC.length);
      topic = this.sameTopic(text.slice(at + TOPIC.length, topicEnd));
      at = topicEnd + 2;
    }
    let sequence = -1;
    let epoch = '';
    if (text.startsWith(SEQUENCE, at)) {
      const comma = text.indexOf(',', at);
      sequence = Number(text.slice(at + SEQUENCE.length, comma));
      epoch = text.slice(comma + 1 + EPOCH.length, text.indexOf('"', comma + 1 + EPOCH.length));
    }
    return new EventPacket(frame, this.openOf(isDirect, topic, flat), { topic, epoch, sequence });
  }

  private sameTopic(topic: string): string {
    if (topic !== this.topic) this.topic = topic;
    return this.topic;
  }

  private openOf(isDirect: boolean, topic: string, flat: string): Opened {
    const own = { text: `${this.head}["${isDirect ? 'direct' : 'message'}",${withoutId(flat)}`, except: null };
    const { published } = this.table;
    if (published === undefined) return own;
    try {
      const read = JSON.parse(flat) as Omit<PublishedEvent, 'type'>;
      const named = published({
        ...read,
        type: isDirect ? 'DirectMessage' : 'Broadcast',
        topic,
        from: read.from ?? (read as { from_user?: string }).from_user ?? '',
        replayed: 'replayed' in read && read.replayed,
      });
      if (named === undefined) return own;
      if (named === null) return { text: null, except: null };
      return { text: this.event(named).slice(0, -1), except: named.except ?? null };
    } catch {
      return own;
    }
  }
}

/**
 * Without the message's own id, which stands first: topic, epoch and sequence name it as well, and with the offset an event is
 * no longer than its frame: a write is measured in the bytes of frames.
 */
function withoutId(flat: string): string {
  return flat.startsWith(ID) ? `{${flat.slice(flat.indexOf('",', ID.length) + 2)}` : flat;
}

/** What stands between the type of a packet and its content. */
export function prefixOf(namespace: string): string {
  return namespace === '/' ? '' : `${namespace},`;
}

/** Whether a frame in text is a publication. */
export function isPublication(text: string): boolean {
  const type = typeOf(text);
  return type === 'Broadcast' || type === 'DirectMessage';
}
