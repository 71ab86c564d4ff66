/** One reader of a pattern: a place for each topic that it matched, a bounded buffer, and where the application stands. */
import type { Position } from '../../protocol/position.ts';
import type { ServerData, ServerFrame, SubscribedDetails } from '../../protocol/wire.ts';
import { draw } from '../back-off.ts';
import type { Client } from '../client.ts';
import { isSignalboxError, refused, SignalboxError } from '../errors.ts';
import { hole, lostHistory, missing, messageOf, type Item } from '../items.ts';

export interface PatternEvents {
  /** Gets the next item when it has settled. */
  readonly handler: (item: Item) => unknown;
  /** Nothing more comes; `null` when the client was closed. */
  readonly refused: (error: SignalboxError | null) => void;
  readonly threw: (error: SignalboxError) => void;
}

/** The server names so many topics of a pattern. */
const MAX_LISTED = 100;
/** A pattern that does not catch up is asked for again when it has brought nothing for so long. */
const SILENT_MS = 15_000;

export class PatternReader {
  readonly #client: Client;
  readonly #pattern: string;
  readonly #isStored: boolean;
  readonly #events: PatternEvents;
  /** Up to where it was given items, by topic. */
  readonly #places = new Map<string, Position>();
  /** Where topics stood when the pattern was confirmed, as long as they have not come so far. */
  readonly #heads = new Map<string, number>();
  readonly #queue: Item[] = [];
  /** The connection on which it was confirmed. */
  #connectionId: string | null = null;
  /** Frames of the pattern are taken. */
  #isOn = false;
  #isAsking = false;
  #isBusy = false;
  #isLive = false;
  #isEnded = false;
  /** It has a place for every topic that there was when it began, and for those that came while it was there. */
  #isComplete: boolean | null = null;
  /** Topics were born while it was away: it asks again, for all of them. */
  #hasBorn = false;
  #refusals = 0;
  /** Items so far. */
  #taken = 0;
  #unlisten: () => void = () => {};
  #cancelWait: () => void = () => {};

  constructor(client: Client, pattern: string, isStored: boolean, events: PatternEvents) {
    this.#client = client;
    this.#pattern = pattern;
    this.#isStored = isStored;
    this.#events = events;
  }

  start(): void {
    const tap = (frame: ServerFrame): void => this.#frame(frame);
    const client = this.#client;
    const unlisten = client.on('state', (state) => {
      if (state.status === 'closed') return this.#over(state.error ?? null);
      if (state.status === 'connected' && state.connectionId !== this.#connectionId) this.#ask(state.connectionId);
    });
    client.taps.add(tap);
    this.#readers.add(this);
    this.#unlisten = () => {
      unlisten();
      client.taps.delete(tap);
    };
    const prefix = this.#keyOf('');
    for (const [topic, place] of this.#isStored ? client.positions : [])
      if (topic.startsWith(prefix)) this.#places.set(topic.slice(prefix.length), place);
    this.#ask(client.state.status === 'connected' ? client.state.connectionId : null);
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#unlisten();
    this.#cancelWait();
    this.#queue.length = 0;
    this.#readers.delete(this);
    this.#leave();
  }

  /** All readers of the pattern: the connection has one subscription for them. */
  get #readers(): Set<PatternReader> {
    const { shared } = this.#client;
    const key = `pattern ${this.#pattern}`;
    const readers = (shared.get(key) as Set<PatternReader> | undefined) ?? new Set();
    shared.set(key, readers);
    return readers;
  }

  #keyOf(topic: string): string {
    return `${this.#pattern} ${topic}`;
  }

  /** Nobody is left who takes what comes. */
  #leave(): void {
    if ([...this.#readers].some((reader) => reader.#isOn || reader.#isAsking)) return;
    this.#client.leave(this.#pattern);
  }

  #ask(connectionId: string | null): void {
    if (this.#isEnded) return;
    this.#connectionId = connectionId;
    this.#isOn = false;
    this.#isLive = false;
    // One that waits for a connection goes on this one.
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#hasBorn = false;
    const positions = this.#places.size === 0 ? undefined : Object.fromEntries(this.#places);
    // The answer is taken where it stands among the frames; here it is only known when there is none.
    this.#client.request('Subscribe', { topics: [{ topic: this.#pattern, positions }] }).then(
      () => {
        this.#isAsking = false;
        if (this.#hasBorn) this.#ask(this.#connectionId);
        else if (!this.#isOn) this.#again();
      },
      (error: unknown) => {
        this.#isAsking = false;
        if (!isSignalboxError(error)) return;
        if (error.temporary || error.reason === 'outcome_unknown') this.#again(error.retryAfterMs);
        else this.#over(error);
      },
    );
  }

  #again(atLeast = 0): void {
    const { environment, state } = this.#client;
    if (this.#isEnded || state.status === 'closed') return;
    this.#cancelWait();
    this.#refusals += 1;
    const wait = atLeast + draw(() => environment.random(), this.#refusals - 1);
    this.#cancelWait = environment.after(wait, () => {
      const now = this.#client.state;
      if (!this.#isOn) this.#ask(now.status === 'connected' ? now.connectionId : null);
    });
  }

  #frame(frame: ServerFrame): void {
    const { type, data, reply_to: replyTo } = frame;
    if (type === 'Status' && data.status === 'subscribed')
      this.#subscribed(data.details as unknown as SubscribedDetails);
    else if (type === 'Status' && data.status === 'unsubscribed' && replyTo === undefined) this.#dropped(data);
    else if (!this.#isOn || replyTo !== undefined) return;
    else if (type === 'Broadcast' && matches(this.#pattern, data.topic)) this.#message(frame);
    else if (type === 'Gap' && matches(this.#pattern, data.topic)) this.#gap(data);
  }

  #subscribed({ topics, positions, recovery, rejected }: SubscribedDetails): void {
    const refusal = rejected.find(({ topic }) => topic === this.#pattern);
    if (refusal !== undefined && refusal.temporary !== true) return this.#over(refused(refusal));
    if (!topics.includes(this.#pattern)) return;
    this.#refusals = 0;
    this.#heads.clear();
    for (const [topic, position] of Object.entries(positions)) {
      if (!matches(this.#pattern, topic)) continue;
      if (this.#isComplete === true && !this.#places.has(topic) && position.sequence > 0) {
        this.#places.set(topic, { ...position, sequence: 0 });
        this.#hasBorn = true;
      }
      const known = this.#places.get(topic) ?? position;
      this.#places.set(topic, known);
      const { recovered, reason = '', missed = 0 } = recovery[topic] ?? {};
      if (recovered === false && reason !== 'trimmed' && reason !== 'no_history') this.#heads.set(topic, Infinity);
      else if (position.sequence + missed > known.sequence) this.#heads.set(topic, position.sequence + missed);
    }
    this.#isComplete ??= Object.keys(positions).length < MAX_LISTED;
    this.#isOn = !this.#hasBorn;
    if (!this.#isOn) return;
    this.#goLive();
    this.#watch();
  }

  /** What it missed may be in a log that is lost, and never come. */
  #watch(): void {
    const taken = this.#taken;
    this.#cancelWait();
    if (this.#isLive) return;
    this.#cancelWait = this.#client.environment.after(SILENT_MS, () => {
      if (!this.#isOn) return;
      if (this.#taken === taken) this.#ask(this.#connectionId);
      else this.#watch();
    });
  }

  #dropped({ details }: ServerData): void {
    if (!(details['topics'] as readonly string[]).includes(this.#pattern)) return;
    const all = (details['rejected'] ?? []) as SubscribedDetails['rejected'];
    const refusal = all.find(({ topic }) => topic === this.#pattern);
    this.#over(
      refusal === undefined
        ? new SignalboxError('unsubscribed', 'the server has ended it: it may match too many topics')
        : refused(refusal),
    );
  }

  #message(frame: ServerFrame): void {
    const { topic, sequence, epoch } = frame.data;
    if (sequence !== undefined) {
      const last = this.#places.get(topic);
      // The first one of another epoch, without a Gap: the topic was silent for so long that it begins anew. Nothing was lost.
      const isNext = last === undefined || sequence === last.sequence + 1 || (sequence === 1 && epoch !== last.epoch);
      if (!isNext && sequence <= last.sequence) return;
      if (!isNext) return this.#lag();
    }
    if (!this.#push(messageOf(topic, frame, this.#client.isMine))) return;
    if (sequence !== undefined) this.#places.set(topic, { epoch, sequence });
    // One that was just published comes after all that was missed.
    if (frame.data.replayed !== true) this.#heads.delete(topic);
    this.#reached(topic);
  }

  #gap({ topic, cause, epoch, sequence = 0, from, to, count }: ServerData): void {
    const last = this.#places.get(topic)?.sequence ?? 0;
    if (cause === 'no_history') return void this.#push(missing(topic, count));
    if (cause !== 'history_lost' && to <= last) return;
    const lost = cause === 'history_lost';
    const item = lost
      ? lostHistory(topic, { epoch, sequence })
      : hole(topic, cause, Math.max(Number(from), last + 1), to, epoch);
    if (!this.#push(item)) return;
    this.#places.set(topic, { epoch, sequence: lost ? sequence : to });
    if (lost) this.#heads.delete(topic);
    this.#reached(topic);
  }

  #reached(topic: string): void {
    if ((this.#places.get(topic)?.sequence ?? 0) >= (this.#heads.get(topic) ?? 0)) this.#heads.delete(topic);
    this.#goLive();
  }

  #goLive(): void {
    if (this.#isLive || this.#heads.size > 0) return;
    this.#isLive = true;
    this.#push({ kind: 'live', topic: this.#pattern, position: undefined });
  }

  /** @returns whether there was room; what finds none is left in the log */
  #push(item: Item): boolean {
    if (this.#queue.length >= this.#client.bounds.maxMessages) {
      this.#lag();
      return false;
    }
    this.#taken += 1;
    this.#queue.push(item);
    void this.#run();
    return true;
  }

  /** Leaves until there is room, and comes back at its places. */
  #lag(): void {
    this.#isOn = false;
    this.#leave();
    if (this.#queue.length === 0) this.#again();
  }

  async #run(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let item = this.#queue.shift(); item !== undefined; item = this.#queue.shift()) {
      try {
        await this.#events.handler(item);
      } catch (cause) {
        const message = `a handler of ${this.#pattern} threw: ${String(cause)}`;
        this.#events.threw(new SignalboxError('handler_failed', message, { cause }));
      }
      if (!this.#isEnded) this.#handled(item);
    }
    this.#isBusy = false;
    if (!this.#isOn && !this.#isAsking && !this.#isEnded && this.#client.state.status === 'connected')
      this.#ask(this.#client.state.connectionId);
  }

  #handled(item: Item): void {
    if (!this.#isStored || item.kind === 'live') return;
    const place =
      item.kind === 'gap'
        ? item.position
        : item.epoch === ''
          ? undefined
          : { epoch: item.epoch, sequence: item.sequence };
    if (place !== undefined) this.#client.keep(this.#keyOf(item.topic), place);
  }

  #over(error: SignalboxError | null): void {
    if (this.#isEnded) return;
    this.end();
    this.#events.refused(error);
  }
}

/** As the server has it: `*` is one segment, `**` at the end one or more. */
export function matches(pattern: string, topic: string): boolean {
  const wanted = pattern.split('.');
  const parts = topic.split('.');
  const isOpen = wanted.at(-1) === '**';
  if (isOpen ? parts.length < wanted.length : parts.length !== wanted.length) return false;
  return wanted.every((part, at) => part === '*' || part === '**' || part === parts[at]);
}
