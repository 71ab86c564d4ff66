/** All topics of a client: shared, counted, asked for again on every connection at their positions. */
import { MAX_TOPICS_PER_FRAME } from '../protocol/limits.ts';
import type { ServerData, ServerFrame, SubscribedDetails } from '../protocol/wire.ts';
import { BackOff } from './back-off.ts';
import { CatchUp } from './catch-up.ts';
import type { Consumer } from './consumer.ts';
import { refused, SignalboxError } from './errors.ts';
import { Feed } from './feed.ts';
import { messageOf } from './items.ts';
import type { Link } from './link.ts';
import type { Since, SubscriptionPorts } from './subscription-ports.ts';

/** The alias of the messages to one's own user. */
export const ME = '@me';

/** A topic that does not catch up is asked for again when it has brought nothing for so long. */
const SILENT_MS = 15_000;

export class Subscriptions {
  readonly #feeds = new Map<string, Feed>();
  readonly #ports: SubscriptionPorts;
  readonly #catchUp: CatchUp;
  readonly #backOff: BackOff;
  /** Temporarily refused. */
  readonly #again = new Set<Feed>();
  #cancelAgain: (() => void) | null = null;
  /** Answers to come, by connection. */
  readonly #unanswered = new Map<Link, number>();

  constructor(ports: SubscriptionPorts) {
    this.#ports = ports;
    this.#backOff = new BackOff(() => ports.environment.random());
    this.#catchUp = new CatchUp(ports.requests, ports.environment, ports.isMine, (feed) => this.#ensure(feed));
  }

  feed(name: string): Feed | undefined {
    return this.#feeds.get(name);
  }

  /** @returns what ends it */
  add(name: string, consumer: Consumer, since: Since): () => void {
    let feed = this.#feeds.get(name);
    if (feed === undefined) {
      feed = new Feed(name);
      this.#feeds.set(name, feed);
    }
    const joined = feed;
    if (joined.state === 'rejected') {
      joined.error = null;
      joined.detach();
    }
    this.#begin(joined, consumer, since === 'stored' ? (this.#ports.stored(name) ?? 'live') : since);
    this.#changed(joined);
    return () => this.#remove(joined, consumer);
  }

  /** The application has made room. */
  drained(name: string, consumer: Consumer): void {
    const feed = this.#feeds.get(name);
    if (feed !== undefined && feed.consumers.has(consumer)) this.#catchUp.go(feed, consumer);
  }

  greeted(link: Link): void {
    this.#subscribe(link, [...this.#feeds.values()].filter(isWanted));
    this.#check(link);
  }

  /** Requests that came meanwhile on the other one are made here. */
  moved(link: Link): void {
    this.#subscribe(
      link,
      [...this.#feeds.values()].filter((feed) => isWanted(feed) && feed.asked !== link),
    );
  }

  /** Places where another user was: everybody begins now, but those whose place the application itself has said. */
  forget(): void {
    for (const feed of this.#feeds.values()) {
      feed.last = null;
      for (const consumer of feed.consumers) consumer.forget();
    }
  }

  lost(link: Link): void {
    this.#unanswered.delete(link);
    for (const feed of this.#feeds.values()) {
      if (feed.link === link) feed.link = null;
      if (feed.asked === link) feed.asked = feed.link;
      if (feed.link === null) {
        feed.isLive = false;
        this.#changed(feed);
      }
    }
  }

  frame(link: Link, frame: ServerFrame, size: number): void {
    const { type, data } = frame;
    const name = type === 'DirectMessage' ? ME : data.topic;
    const feed = this.#feeds.get(name);
    if (feed?.link !== link) return;
    const wasLive = feed.isLive;
    const accepted =
      type === 'Gap' ? feed.gap(data) : feed.message(data, () => messageOf(name, frame, this.#ports.isMine), size);
    if (accepted === 'violation') {
      this.#ports.violated(name);
      feed.detach();
      return this.#later(feed);
    }
    if (feed.consumers.size > 0 && !feed.hasJoined) this.#leave(feed);
    for (const consumer of feed.consumers) if (!consumer.isRefused) this.#catchUp.go(feed, consumer);
    if (feed.isLive !== wasLive) this.#changed(feed);
  }

  /** The rights have changed meanwhile, or a backend wants it so, and says nothing more. */
  ended(link: Link, details: ServerData['details']): void {
    const topics = details['topics'] as readonly string[];
    const rejected = (details['rejected'] ?? []) as SubscribedDetails['rejected'];
    for (const name of topics) link.given.delete(name);
    for (const entry of rejected) this.#refuse(link, this.#feeds.get(entry.topic), refused(entry));
    if (rejected.length === 0) this.dropped(topics, new SignalboxError('unsubscribed', 'the server ended it'));
  }

  /** The server dropped them: the new token does not allow them. */
  dropped(names: readonly string[], error: SignalboxError): void {
    for (const name of names) {
      const feed = this.#feeds.get(name);
      if (feed !== undefined) this.#reject(feed, error);
    }
  }

  /** @param error `null` when the application wanted it */
  close(error: SignalboxError | null): void {
    this.#cancelAgain?.();
    for (const feed of this.#feeds.values()) {
      feed.cancelTimer();
      feed.detach();
      for (const consumer of feed.consumers) {
        consumer.end();
        consumer.events.refused(error);
      }
      this.#changed(feed);
    }
    this.#feeds.clear();
  }

  #begin(feed: Feed, consumer: Consumer, since: Exclude<Since, 'stored'>): void {
    if (since === 'live') {
      // Messages that the others are still to read are not theirs.
      if (feed.asked === null && !feed.hasJoined) feed.last = null;
      consumer.isJoined = true;
      consumer.position = feed.last;
    } else if (typeof since === 'string' || 'last' in since) consumer.begins = since;
    else consumer.position = since;
    feed.consumers.add(consumer);
    if (!consumer.isJoined) this.#catchUp.go(feed, consumer);
    else if (feed.isLive) consumer.push(feed.live(), 0);
    this.#ensure(feed);
  }

  #remove(feed: Feed, consumer: Consumer): void {
    if (!feed.consumers.delete(consumer)) return;
    consumer.end();
    if (feed.consumers.size > 0) return;
    feed.cancelTimer();
    feed.cancelTimer = this.#ports.environment.after(this.#ports.lingerMs, () => {
      this.#leave(feed);
      this.#feeds.delete(feed.name);
      this.#changed(feed);
    });
  }

  #changed(feed: Feed): void {
    this.#ports.changed(feed.name);
    const { link, last } = feed;
    if (feed.consumers.size === 0) return;
    feed.cancelTimer();
    // A log that loses its newest messages says nothing of it to those who had none of them, and may never bring what they missed.
    if (link !== null && !feed.isLive)
      feed.cancelTimer = this.#ports.environment.after(SILENT_MS, () => {
        if (feed.asked === link && feed.last === last) this.#subscribe(link, [feed]);
        else this.#changed(feed);
      });
  }

  /** Off the wire: nobody reads it, or nobody has room. */
  #leave(feed: Feed): void {
    for (const link of new Set([feed.link, feed.asked])) this.#ports.requests.leave(feed.name, link);
    feed.detach();
    this.#changed(feed);
  }

  /** On the wire, if somebody takes what comes. */
  #ensure(feed: Feed): void {
    const link = this.#ports.link();
    if (link !== null && isWanted(feed) && feed.asked === null) this.#subscribe(link, [feed]);
  }

  #subscribe(link: Link, feeds: readonly Feed[]): void {
    for (let at = 0; at < feeds.length; at += MAX_TOPICS_PER_FRAME) {
      const part = feeds.slice(at, at + MAX_TOPICS_PER_FRAME);
      for (const feed of part) {
        feed.asked = link;
        feed.request = part;
      }
      this.#unanswered.set(link, (this.#unanswered.get(link) ?? 0) + 1);
      const topics = part.map((feed) => feed.entry());
      const answered = (error: SignalboxError | null, details: unknown): void => {
        const left = this.#unanswered.get(link);
        // The connection was lost.
        if (left === undefined) return;
        this.#unanswered.set(link, left - 1);
        if (error === null) this.#answered(link, details as SubscribedDetails, part);
        // One of them is no topic or no position. Asked alone, the others are taken.
        else if (part.length > 1 && !error.temporary)
          for (const feed of part) this.#subscribe(link, feed.asked === link ? [feed] : []);
        else for (const feed of part) this.#refuse(link, feed, error);
        this.#check(link);
      };
      this.#ports.requests.ask('Subscribe', { topics }, answered, link);
    }
  }

  #check(link: Link): void {
    if ((this.#unanswered.get(link) ?? 0) === 0) this.#ports.settled(link);
  }

  #answered(link: Link, { topics, positions, recovery, rejected }: SubscribedDetails, request: readonly Feed[]): void {
    if (rejected.length === 0) this.#backOff.attempt = 0;
    for (const name of topics) {
      const feed = this.#feeds.get(name);
      // It may have been given up and asked for again meanwhile: that has an answer of its own.
      if (feed?.asked !== link || feed.request !== request) continue;
      feed.confirmed(link, positions[name], recovery[name]);
      this.#changed(feed);
      for (const consumer of feed.consumers) this.#catchUp.go(feed, consumer);
    }
    for (const entry of rejected) {
      const feed = this.#feeds.get(entry.topic);
      if (feed?.request === request) this.#refuse(link, feed, refused(entry));
    }
  }

  #refuse(link: Link, feed: Feed | undefined, error: SignalboxError): void {
    if (feed?.asked !== link) return;
    feed.asked = feed.link === link ? null : feed.link;
    // As long as the other connection brings it, that one does.
    if (feed.asked !== null) return;
    if (!error.temporary) return this.#reject(feed, error);
    feed.detach();
    this.#changed(feed);
    this.#later(feed, error.retryAfterMs);
  }

  #later(feed: Feed, atLeast?: number): void {
    this.#again.add(feed);
    this.#cancelAgain ??= this.#ports.environment.after(this.#backOff.draw(atLeast), () => {
      this.#cancelAgain = null;
      const feeds = [...this.#again];
      this.#again.clear();
      const link = this.#ports.link();
      // Without a connection they are asked for with all others on the next one.
      if (link !== null)
        this.#subscribe(
          link,
          feeds.filter((each) => isWanted(each) && each.asked === null && this.#isKnown(each)),
        );
    });
  }

  #isKnown(feed: Feed): boolean {
    return this.#feeds.get(feed.name) === feed;
  }

  #reject(feed: Feed, error: SignalboxError): void {
    feed.detach();
    feed.error = error;
    for (const consumer of feed.consumers) {
      consumer.isJoined = false;
      consumer.events.refused(error);
    }
    this.#changed(feed);
  }
}

function isWanted(feed: Feed): boolean {
  return feed.error === null && (feed.hasJoined || (feed.consumers.size === 0 && feed.asked !== null));
}
