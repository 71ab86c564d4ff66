/** One topic as it comes over the wire: one subscription, however many read it. */
import type { Position } from '../protocol/position.ts';
import type { ServerData, SubscribedDetails } from '../protocol/wire.ts';
import type { Consumer } from './consumer.ts';
import type { SignalboxError } from './errors.ts';
import { hole, lostHistory, missing, type Item, type Live } from './items.ts';
import type { Link } from './link.ts';

export type SubscriptionState = 'stopped' | 'pending' | 'catchingUp' | 'live' | 'paused' | 'rejected';

/** Frames cannot have been lost on a connection: it is asked for again. */
export type Accepted = 'taken' | 'known' | 'violation';

export class Feed {
  readonly name: string;
  readonly consumers = new Set<Consumer>();
  /** Up to where it has come; `null` before the first answer, and in ephemeral topics. */
  last: Position | null = null;
  isEphemeral = false;
  /** Whose frames count: the connection that has confirmed it last. */
  link: Link | null = null;
  /** Where it was asked for last. */
  asked: Link | null = null;
  /** The last `Subscribe` that names it, by those that it names: answers to earlier ones say nothing of it any more. */
  request: readonly Feed[] | null = null;
  /** What there was when it was confirmed has come. */
  isLive = false;
  error: SignalboxError | null = null;
  /** Takes back the end of its linger, or the look whether it is still silent: one excludes the other. */
  cancelTimer: () => void = () => {};
  /** Where it was the head of the topic when the subscription was confirmed. */
  #head = 0;
  #awaitsGap = false;

  constructor(name: string) {
    this.name = name;
  }

  get state(): SubscriptionState {
    if (this.error !== null) return 'rejected';
    if (this.link !== null) return this.isLive ? 'live' : 'catchingUp';
    if (this.consumers.size === 0) return 'stopped';
    return this.hasJoined ? 'pending' : 'paused';
  }

  get hasJoined(): boolean {
    for (const { isJoined } of this.consumers) if (isJoined) return true;
    return false;
  }

  /** An entry of `Subscribe`. */
  entry(): unknown {
    const { last } = this;
    if (last?.epoch) return { topic: this.name, ...last };
    if (last || [...this.consumers].some(({ isJoined, begins }) => isJoined && begins === 'earliest'))
      return { topic: this.name, from: 'earliest' };
    return this.name;
  }

  /** It is away from the wire, until it is asked for again. */
  detach(): void {
    this.link = null;
    this.asked = null;
    this.isLive = false;
  }

  confirmed(
    link: Link,
    position: Position | undefined,
    recovery: SubscribedDetails['recovery'][string] | undefined,
  ): void {
    const isMoved = this.link !== null && this.isLive;
    this.link = link;
    this.asked = link;
    this.isEphemeral = position === undefined;
    const { last } = this;
    // On a topic that is resumed nothing moves: what is missing follows, or a Gap in its place.
    if (!last?.epoch) {
      this.last = position ?? null;
      // Nobody had used the topic, and its log does not begin with the first message any more.
      if (last && position?.sequence)
        this.#deliver(hole(this.name, 'trimmed', 1, position.sequence, position.epoch), 0);
    }
    this.#head = (position?.sequence ?? 0) + (recovery?.missed ?? 0);
    // The Gap that says where it goes on is still to come.
    this.#awaitsGap =
      recovery?.recovered === false && recovery.reason !== 'trimmed' && recovery.reason !== 'no_history';
    if (!isMoved) this.isLive = false;
    this.#goLive();
  }

  /** Only the one that comes next is taken: what is older came over two connections. */
  message(data: ServerData, item: () => Item, size: number): Accepted {
    const { sequence, epoch } = data;
    if (sequence !== undefined) {
      const last = this.last?.sequence ?? 0;
      if (sequence <= last) return 'known';
      if (sequence !== last + 1) return 'violation';
      this.last = { epoch, sequence };
      // A message that was just published comes after all that the log had. The old head may be in a log that is lost, and never come.
      if (data.replayed !== true) this.#head = 0;
    }
    this.#deliver(item(), size);
    this.#goLive();
    return 'taken';
  }

  gap({ cause, epoch, sequence = 0, from, to, count }: ServerData): Accepted {
    const last = this.last?.sequence ?? 0;
    if (cause === 'no_history') {
      this.#deliver(missing(this.name, count), 0);
      return 'taken';
    }
    if (cause === 'history_lost') {
      this.last = { epoch, sequence };
      this.#awaitsGap = false;
      // That one was in the log that is lost.
      this.#head = 0;
      this.#deliver(lostHistory(this.name, this.last), 0);
    } else {
      const first = Number(from);
      if (to <= last) return 'known';
      if (first > last + 1) return 'violation';
      this.last = { epoch, sequence: to };
      this.#deliver(hole(this.name, cause, last + 1, to, epoch), 0);
    }
    this.#goLive();
    return 'taken';
  }

  live(): Live {
    return { kind: 'live', topic: this.name, position: this.last ?? undefined };
  }

  #goLive(): void {
    if (this.isLive || this.#awaitsGap || (this.last?.sequence ?? 0) < this.#head) return;
    this.isLive = true;
    this.#deliver(this.live(), 0);
  }

  /** A reader without room leaves; the log keeps what it misses. */
  #deliver(item: Item, size: number): void {
    for (const consumer of this.consumers)
      if (consumer.isJoined && !consumer.push(item, size)) consumer.isJoined = false;
  }
}
