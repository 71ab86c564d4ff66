/** Brings a reader that stands behind its topic to where the others are: by the wire when it is alone, else by the log. */
import type { Position } from '../protocol/position.ts';
import type { HistoryDetails } from '../protocol/wire.ts';
import { BackOff } from './back-off.ts';
import type { Consumer } from './consumer.ts';
import type { Environment } from './environment.ts';
import type { SignalboxError } from './errors.ts';
import type { Feed } from './feed.ts';
import type { Requests } from './requests.ts';
import { hole, lostHistory, messageOf } from './items.ts';

const PAGE = 100;

export class CatchUp {
  readonly #waiting: Requests;
  readonly #environment: Environment;
  readonly #isMine: (key: string) => boolean;
  readonly #ensure: (feed: Feed) => void;
  readonly #backOff: BackOff;

  constructor(
    waiting: Requests,
    environment: Environment,
    isMine: (key: string) => boolean,
    ensure: (feed: Feed) => void,
  ) {
    this.#waiting = waiting;
    this.#environment = environment;
    this.#isMine = isMine;
    this.#ensure = ensure;
    this.#backOff = new BackOff(() => environment.random());
  }

  /** As far as it can be gone now; called again whenever something has changed. */
  go(feed: Feed, consumer: Consumer): void {
    if (consumer.isJoined || consumer.isReading || consumer.isEnded || !consumer.isEmpty || feed.error !== null) return;
    const { position, begins } = consumer;
    const isTail = position === null && typeof begins === 'object';
    if (!isTail && !feed.hasJoined) this.#lead(feed, consumer);
    else if (feed.isEphemeral || isAt(position, feed.last)) this.#join(feed, consumer);
    else this.#read(feed, consumer, isTail ? begins.last : null);
  }

  /** The wire goes back to where it stands. */
  #lead(feed: Feed, consumer: Consumer): void {
    const { position } = consumer;
    const isThere =
      feed.asked !== null &&
      position !== null &&
      feed.last?.sequence === position.sequence &&
      feed.last.epoch === position.epoch;
    consumer.isJoined = true;
    if (!isThere) {
      feed.last = position;
      feed.detach();
    } else if (feed.isLive) consumer.push(feed.live(), 0);
    this.#ensure(feed);
  }

  #join(feed: Feed, consumer: Consumer): void {
    consumer.isJoined = true;
    if (feed.isLive) consumer.push(feed.live(), 0);
  }

  #read(feed: Feed, consumer: Consumer, last: number | null): void {
    consumer.isReading = true;
    const topic = feed.name;
    const before = consumer.position;
    // Where nobody had used the topic yet, the beginning of its log is what comes next.
    const since = before?.epoch ? before : undefined;
    const request =
      last === null
        ? { topic, since, limit: Math.min(PAGE, consumer.capacity) }
        : { topic, limit: last, reverse: true };
    this.#waiting.page(request, (error, details) => {
      const page = details as HistoryDetails | undefined;
      // A handler that is done at once makes room at once: the page goes on, and no other one is asked for meanwhile.
      if (page !== undefined && !consumer.isEnded && !consumer.isJoined)
        this.#take(feed, consumer, page, last !== null);
      consumer.isReading = false;
      // It may have begun elsewhere meanwhile.
      if (consumer.isEnded || consumer.isJoined) return;
      if (error !== null) return this.#failed(feed, consumer, error);
      const { position } = consumer;
      // The log has nothing more, and the topic has not heard yet that its old log is lost: asked at once, it says the same.
      if (last === null && position?.epoch === before?.epoch && position?.sequence === before?.sequence)
        return this.#later(feed, consumer);
      this.#backOff.attempt = 0;
      this.go(feed, consumer);
    });
  }

  #take(feed: Feed, consumer: Consumer, page: HistoryDetails, isReverse: boolean): void {
    // Not `toReversed`: engines of phones lack it.
    const messages = page.messages.slice();
    if (isReverse) messages.reverse();
    if (page.reason !== undefined && !isReverse && consumer.position !== null) {
      const sequence = (messages[0]?.data.sequence ?? page.position.sequence + 1) - 1;
      consumer.push(lostHistory(feed.name, { epoch: page.position.epoch, sequence }), 0);
    }
    for (const frame of messages) {
      const { sequence = 0, epoch } = frame.data;
      const expected = (consumer.position?.sequence ?? sequence - 1) + 1;
      if (sequence > expected) consumer.push(hole(feed.name, 'trimmed', expected, sequence - 1, epoch), 0);
      const size = JSON.stringify(frame.data.payload)?.length ?? 0;
      // What finds no room is read again when there is some.
      if (!consumer.push(messageOf(feed.name, frame, this.#isMine), size)) return;
    }
    // Messages that the page does not have are not there: the log may have lost what was published last, or ends before it.
    if (page.next === undefined || isReverse) this.#reached(feed, consumer, page);
  }

  #reached(feed: Feed, consumer: Consumer, { position, messages }: HistoryDetails): void {
    const at = consumer.position?.sequence ?? 0;
    if (messages.length > 0 && at >= position.sequence) return;
    if (position.epoch === '') {
      // Nobody has used the topic yet, so everything that comes is new.
      consumer.position = feed.last?.sequence === 0 ? feed.last : position;
      return;
    }
    if (consumer.position !== null && at < position.sequence && messages.length === 0)
      consumer.push(hole(feed.name, 'trimmed', at + 1, position.sequence, position.epoch), 0);
    consumer.position = position;
  }

  #failed(feed: Feed, consumer: Consumer, error: SignalboxError): void {
    if (error.temporary) {
      consumer.isRefused = true;
      return this.#later(feed, consumer, error.retryAfterMs);
    }
    if (error.reason === 'no_history') {
      consumer.begins = 'latest';
      return feed.hasJoined ? this.#join(feed, consumer) : this.#lead(feed, consumer);
    }
    consumer.events.refused(error);
  }

  #later(feed: Feed, consumer: Consumer, atLeast?: number): void {
    consumer.cancelWait();
    consumer.cancelWait = this.#environment.after(this.#backOff.draw(atLeast), () => {
      consumer.isRefused = false;
      this.go(feed, consumer);
    });
  }
}

/** Numbers of two epochs say nothing of each other: the log does. */
function isAt(position: Position | null, last: Position | null): boolean {
  return position !== null && last !== null && position.epoch === last.epoch && position.sequence >= last.sequence;
}
