/**
 * What the server's frames are as events of one namespace. A publication is put together once for all of its readers:
 * frames of a tail are the same objects for everybody who stands at the same place.
 */
import { typeOf } from '../event-text.ts';
import type { EventTable, PublishedEvent, ServerEvent } from '../../node/event-table.ts';
import { utf8 } from '../../protocol/json-publication.ts';
import { ME } from '../../protocol/topic.ts';
import { singleOffset } from './places.ts';

/** Publications that are remembered, and their bytes: as many as one turn has for neighbours. */
const MOST_FRAMES = 1_024;
const MOST_BYTES = 4_194_304;
const DATA = '"data":{';
const TYPE_BROADCAST = '{"type":"Broadcast",';
const TYPE_DIRECT = '{"type":"DirectMessage",';
const TOPIC = '"topic":"';
const SEQUENCE = '"sequence":';
const EPOCH = '"epoch":"';

/** A publication as an event. */
export class EventPacket {
  /** Without an offset; `null` for what is not sent. */
  readonly plain: Buffer | null;
  readonly topic: string;
  /** `''` and -1 where the topic keeps no log. */
  readonly epoch: string;
  readonly sequence: number;
  private readonly open: string;
  private single: Buffer | null = null;

  constructor(open: string | null, topic: string, epoch: string, sequence: number) {
    this.open = open ?? '';
    this.plain = open === null ? null : Buffer.from(`${open}]`);
    this.topic = topic;
    this.epoch = epoch;
    this.sequence = sequence;
  }

  /** For who has this topic and no other. */
  get withOffset(): Buffer {
    return (this.single ??= Buffer.from(this.with(singleOffset(this.topic, this.epoch, this.sequence))));
  }

  with(offset: string): string {
    return `${this.open},${JSON.stringify(offset)}]`;
  }
}

export class EventPackets {
  private readonly table: EventTable;
  /** `2`, or `2/name,`. */
  private readonly head: string;
  private readonly known = new Map<Uint8Array, EventPacket>();
  private bytes = 0;

  constructor(table: EventTable) {
    this.table = table;
    this.head = `42${prefixOf(table.namespace)}`;
  }

  of(frame: Uint8Array): EventPacket {
    const known = this.known.get(frame);
    if (known !== undefined) return known;
    if (this.known.size >= MOST_FRAMES || this.bytes >= MOST_BYTES) this.forget();
    const made = this.read(utf8(frame));
    this.known.set(frame, made);
    this.bytes += frame.byteLength * 2;
    return made;
  }

  event({ event, args }: ServerEvent, offset: string | null = null): string {
    const all = offset === null ? [event, ...args] : [event, ...args, offset];
    return this.head + JSON.stringify(all);
  }

  /** An event whose one argument is JSON text. */
  eventText(event: string, argument: string, offset: string | null = null): string {
    return `${this.head}["${event}",${argument}${offset === null ? '' : `,${JSON.stringify(offset)}`}]`;
  }

  private forget(): void {
    this.known.clear();
    this.bytes = 0;
  }

  /** @param text a publication as `protocol/json-publication.ts` prints it, perhaps marked as replayed */
  read(text: string): EventPacket {
    const isDirect = text.startsWith(TYPE_DIRECT);
    const dataAt = text.indexOf(DATA) + DATA.length;
    const end = text.lastIndexOf('}');
    const head = text.slice((isDirect ? TYPE_DIRECT : TYPE_BROADCAST).length, dataAt - DATA.length);
    const flat = `{${head}${text.slice(dataAt, end)}`;
    let at = dataAt;
    let topic: string = ME;
    if (text.startsWith(TOPIC, at)) {
      const topicEnd = text.indexOf('"', at + TOPIC.length);
      topic = text.slice(at + TOPIC.length, topicEnd);
      at = topicEnd + 2;
    }
    let sequence = -1;
    let epoch = '';
    if (text.startsWith(SEQUENCE, at)) {
      const comma = text.indexOf(',', at);
      sequence = Number(text.slice(at + SEQUENCE.length, comma));
      epoch = text.slice(comma + 1 + EPOCH.length, text.indexOf('"', comma + 1 + EPOCH.length));
    }
    return new EventPacket(this.openOf(isDirect, topic, flat), topic, epoch, sequence);
  }

  /** The event without its last bracket. */
  private openOf(isDirect: boolean, topic: string, flat: string): string | null {
    const own = `${this.head}["${isDirect ? 'direct' : 'message'}",${flat}`;
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
      return named === null ? null : this.event(named).slice(0, -1);
    } catch {
      return own;
    }
  }
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
