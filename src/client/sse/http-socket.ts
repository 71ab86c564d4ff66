/** A connection over HTTP that looks like a WebSocket: the library above it sends and gets the same frames. */
import type { ServerFrame, SubscribedDetails, WireError } from '../../protocol/wire.ts';
import type { SocketPort } from '../environment.ts';
import type { Place } from './place.ts';
import type { Said } from './stream-presence.ts';
import { Uplink } from './uplink.ts';

/** A frame of the client, as it is written. */
interface Sent {
  readonly type: string;
  readonly id?: string;
  readonly data: { readonly topics?: readonly Entry[]; readonly token?: string } & Said;
}

/** Of a `Subscribe`: a name, or more than that. */
export type Entry = string | { readonly topic: string };

export type Rejected = SubscribedDetails['rejected'][number];

/** A `Subscribe` without an answer. */
export interface Asked {
  readonly id: string;
  readonly names: readonly string[];
  /** For which there is no room, or no way. */
  readonly refused: readonly Rejected[];
}

/** The answer was none of this server's: something in between does not let this transport pass. */
export const UNUSABLE = 'unusable';

/** Topics that one request may name. */
const MAX_TOPICS = 50;
/** What needs no connection that stays. */
const UP = new Set(['Broadcast', 'DirectMessage', 'History', 'PresenceGet', 'Ping']);
/** Topics are often asked for one by one, and each change is a request. */
const TOGETHER_MS = 50;

export abstract class HttpSocket implements SocketPort {
  abstract readonly transport: 'sse' | 'poll';
  binaryType = '';
  onopen: (() => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null = null;
  onerror: (() => void) | null = null;
  protected readonly place: Place;
  protected readonly uplink: Uplink;
  /** What the client wants to hear, as it has asked for it. */
  protected readonly wanted = new Map<string, Entry>();
  protected readonly asked: Asked[] = [];
  #cancelSoon: (() => void) | null = null;
  /** Something else is wanted than what is being heard. */
  #isStale = false;
  #pings = 0;

  constructor(place: Place) {
    this.place = place;
    this.uplink = new Uplink(place, {
      answered: (ids, text) => {
        this.onmessage?.({ data: text });
        // A frame without an answer would wait for ever; on the next connection it is asked again.
        if (!isAnswerTo(ids, text)) this.end(1002);
      },
      refused: (ids, status, text, retryAfterMs) => {
        const error = refusalOf(text, retryAfterMs);
        if (error === null || error.code === 401) return this.refuse(status, text, retryAfterMs);
        for (const id of ids) this.deliver({ type: 'Error', reply_to: id, data: error });
      },
    });
  }

  /** After the handlers were set. */
  abstract start(): void;
  /** Topics have been asked for or given up. */
  protected abstract changed(): void;
  protected abstract renewed(id: string, token: string): void;
  /** Whether it can be told of changes. */
  protected abstract get isReady(): boolean;
  protected abstract cancel(): void;

  /** @returns whether one can be present over it */
  protected present(_id: string, _said: Said): boolean {
    return false;
  }

  send(data: string | Uint8Array<ArrayBuffer>): void {
    const text = String(data);
    const { type, id = `p${(this.#pings += 1)}`, data: content } = JSON.parse(text) as Sent;
    if (type === 'Subscribe') this.#subscribe(id, content.topics ?? []);
    else if (type === 'Unsubscribe') this.#unsubscribe(id, content.topics as readonly string[]);
    else if (type === 'Authenticate') this.renewed(id, content.token ?? '');
    else if (UP.has(type)) this.uplink.push(id, type === 'Ping' ? JSON.stringify({ type, id, data: content }) : text);
    else if (type !== 'Presence' || !this.present(id, content))
      this.answer({ type: 'Error', reply_to: id, data: needsSocket(type) });
  }

  /** By the client. */
  close(): void {
    this.onopen = null;
    this.onmessage = null;
    this.onclose = null;
    this.onerror = null;
    this.#cancelSoon?.();
    this.uplink.close();
    this.cancel();
  }

  protected deliver(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  protected end(code: number, reason = ''): void {
    const { onclose } = this;
    this.close();
    onclose?.({ code, reason });
  }

  /** The server, or something before it, does not want this. */
  protected refuse(status: number, text: string, retryAfterMs: number): void {
    const data = refusalOf(text, retryAfterMs);
    // Without an answer the network has failed; an answer that is none of this server is not for this transport.
    if (data === null) return this.end(1006, status === 0 ? '' : UNUSABLE);
    this.deliver({ type: 'Error', data });
    // As the close codes say it: a new token, not at all, later.
    this.end(data.code === 401 ? 4300 : data.code === 403 ? 4003 : 4100);
  }

  protected reply({ id, names, refused }: Asked, details: SubscribedDetails): void {
    const of = <V>(all: Readonly<Record<string, V>>): Record<string, V> =>
      Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name)));
    const rejected = details.rejected.filter(({ topic }) => names.includes(topic));
    for (const { topic } of rejected) this.wanted.delete(topic);
    this.deliver({
      type: 'Status',
      reply_to: id,
      data: {
        status: 'subscribed',
        details: {
          topics: details.topics.filter((name) => names.includes(name)),
          positions: of(details.positions),
          recovery: of(details.recovery),
          rejected: [...rejected, ...refused],
        },
      },
    });
  }

  /** Topics that it had been allowed to hear. */
  protected dropped(rejected: readonly Rejected[]): void {
    if (rejected.length === 0) return;
    for (const { topic } of rejected) this.wanted.delete(topic);
    const topics = rejected.map(({ topic }) => topic);
    this.deliver({ type: 'Status', data: { status: 'unsubscribed', details: { topics, rejected } } });
  }

  protected soon(): void {
    this.#isStale = true;
    this.#cancelSoon ??= this.place.environment.after(TOGETHER_MS, () => {
      this.#cancelSoon = null;
      this.settled();
    });
  }

  /** Nothing is under way: what has been asked for meanwhile has its turn. */
  protected settled(): void {
    if (!this.#isStale || !this.isReady || this.#cancelSoon !== null) return;
    this.#isStale = false;
    this.changed();
  }

  /** Not in the middle of the call that asks. */
  protected answer(frame: object): void {
    this.place.environment.after(0, () => this.deliver(frame));
  }

  #subscribe(id: string, entries: readonly Entry[]): void {
    const names: string[] = [];
    const refused: Rejected[] = [];
    for (const entry of entries) {
      const topic = nameOf(entry);
      if (topic.includes('*')) refused.push({ topic, ...needsSocket('a pattern') });
      else if (!this.wanted.has(topic) && this.wanted.size >= MAX_TOPICS) refused.push({ topic, ...TOO_MANY });
      else {
        this.wanted.set(topic, entry);
        names.push(topic);
      }
    }
    const asked = { id, names, refused };
    if (names.length === 0) return void this.place.environment.after(0, () => this.reply(asked, NOTHING));
    this.asked.push(asked);
    this.soon();
  }

  #unsubscribe(id: string, names: readonly string[]): void {
    for (const name of names) this.wanted.delete(name);
    this.answer({ type: 'Status', reply_to: id, data: { status: 'unsubscribed', details: { topics: names } } });
    this.soon();
  }
}

export function nameOf(entry: Entry): string {
  return typeof entry === 'string' ? entry : entry.topic;
}

const NOTHING: SubscribedDetails = { topics: [], positions: {}, recovery: {}, rejected: [] };

const TOO_MANY: WireError = {
  code: 429,
  reason: 'topic_limit',
  message: `expected at most ${MAX_TOPICS} topics without WebSocket`,
  temporary: true,
  retry_after_ms: 10_000,
};

function needsSocket(type: string): WireError {
  return {
    code: 422,
    reason: 'unsupported',
    message: `${type} needs a WebSocket, and none can be had here`,
    temporary: false,
  };
}

function isAnswerTo(ids: readonly string[], text: string): boolean {
  try {
    const answered = new Set((JSON.parse(text) as readonly ServerFrame[]).map(({ reply_to: id }) => id));
    return ids.every((id) => answered.has(id));
  } catch {
    return false;
  }
}

/** @returns what the server says, or `null` when it was not the server that has answered */
export function refusalOf(text: string, retryAfterMs: number): WireError | null {
  try {
    const { error } = JSON.parse(text) as { readonly error: WireError };
    const { code, reason } = error;
    if (typeof reason !== 'string' || code === 404 || code === 405) return null;
    return { ...error, temporary: code === 429 || code >= 500, retry_after_ms: retryAfterMs };
  } catch {
    return null;
  }
}
