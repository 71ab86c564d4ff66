/** A connection that subscribes, counts and checks what comes, and comes back with its positions when it was away. */
import type { DecodedFrame, FrameSink, LoadFormat } from './frames.ts';
import { SUBSCRIBE_ID, topicName, topicNumber } from './frames.ts';
import { Link, type LinkContext, type LinkOwner } from './link.ts';
import { recordLatency } from './latency.ts';
import type { SequenceCheck } from './sequence-check.ts';
import { addTo } from './thread-tally.ts';

/** Without advice in a refusal. */
const RETRY_MS = 100;

export interface SubscriberContext extends LinkContext {
  readonly checks: SequenceCheck;
  readonly topicPrefix: string;
  /** Told when a subscriber is subscribed for the first time, or never will be. */
  readonly onSettled: (isOpen: boolean) => void;
  /** Told of deliveries and of messages announced as missing: both are done as far as the window goes. */
  readonly onProgress: (messages: number) => void;
}

interface SubscribedDetails {
  readonly positions?: Readonly<Record<string, { readonly epoch: string; readonly sequence: number }>>;
  readonly recovery?: Readonly<Record<string, { readonly missed: number }>>;
  readonly rejected?: readonly { readonly reason: string }[];
}

/** The sender of a subscriber that comes back waits for it to have all that it missed. */
interface Awaiting {
  live(now: number): void;
}

export class Subscriber implements FrameSink, LinkOwner {
  sequenceAt = 0;
  ackSequenceAt = 0;
  tail = 0;
  isSlowReader = false;
  /** Its topics in the order of its subscriptions, which are numbered from `first`. */
  readonly topics: readonly number[];
  readonly first: number;
  readonly link: Link;
  private readonly context: SubscriberContext;
  private readonly format: LoadFormat;
  private readonly epochs: (string | undefined)[] = [];
  /** When the first attempt to open was due, in µs. */
  private dueAt = 0;
  private isLive = false;
  private hasSettled = false;
  /** Coming back: by topic, the sequence up to which it must have everything to be live. */
  private readonly goals = new Map<number, number>();
  private awaiting: Awaiting | null = null;

  constructor(context: SubscriberContext, token: string | null, topics: readonly number[], first: number) {
    this.context = context;
    this.format = context.format;
    this.topics = topics;
    this.first = first;
    this.link = new Link(context, token, this);
  }

  /** @param dueAt when it should begin, in µs: being late is part of how long it took */
  open(dueAt: number): void {
    this.dueAt = dueAt;
    this.link.open();
  }

  /** Drops the connection as a network does. */
  drop(): void {
    this.link.drop();
    this.away();
  }

  comeBack(awaiting: Awaiting): void {
    this.awaiting = awaiting;
    this.link.open();
  }

  opened(): void {
    const entries = this.topics.map((topic, at) => {
      const epoch = this.epochs[at];
      const sequence = this.context.checks.lastOf(this.first + at);
      const name = topicName(this.context.topicPrefix, topic);
      return epoch === undefined || sequence < 0 ? { topic: name } : { topic: name, epoch, sequence };
    });
    this.link.send(this.format.subscribe(entries));
  }

  message(bytes: Buffer, start: number, end: number): void {
    const { counts } = this.context.tally;
    const publications = this.format.read(bytes, start, end, this);
    if (publications === 0) return;
    counts.messages += 1;
    counts.bytes += end - start;
  }

  publication(topic: number, sequence: number, stamp: number, replayed: boolean): void {
    const { checks, tally, onProgress } = this.context;
    const subscription = this.subscriptionOf(topic);
    if (subscription === -1) return addTo(tally.errors, 'a publication of a topic that was not subscribed');
    if (sequence === -1) checks.deliveredUnnumbered(subscription);
    else if (!checks.delivered(subscription, sequence)) return;
    if (replayed) tally.replayed(this.isSlowReader);
    else tally.delivered(stamp, this.isSlowReader);
    onProgress(1);
    if (this.goals.size > 0) this.reached(topic, subscription);
  }

  acknowledged(): void {
    // Subscribers do not publish.
  }

  control(frame: DecodedFrame): void {
    const { type, data } = frame;
    if (type === 'Status' && data['status'] === 'subscribed') this.subscribed(data['details'] as SubscribedDetails);
    else if (type === 'Gap') this.gap(data);
    else if (type === 'Error') this.failed(frame);
  }

  /** Only a refused Subscribe needs an answer: without it nothing would ever come. */
  private failed({ reply_to, data }: DecodedFrame): void {
    addTo(this.context.tally.errors, String(data['reason']));
    if (reply_to !== SUBSCRIBE_ID) return;
    if (data['temporary'] !== true) return this.gaveUp();
    const wait = Number(data['retry_after_ms'] ?? RETRY_MS);
    setTimeout(() => {
      if (this.link.isOpen && !this.isLive) this.opened();
    }, wait);
  }

  lost(): void {
    this.away();
  }

  gaveUp(): void {
    this.away();
    if (this.hasSettled) return;
    this.hasSettled = true;
    this.context.onSettled(false);
  }

  private away(): void {
    if (this.isLive) this.context.tally.open -= 1;
    this.isLive = false;
    this.goals.clear();
  }

  private subscribed({ positions = {}, recovery = {}, rejected = [] }: SubscribedDetails): void {
    const { checks, tally, clock, topicPrefix, onSettled } = this.context;
    for (const { reason } of rejected) addTo(tally.errors, `not subscribed: ${reason}`);
    for (const [at, topic] of this.topics.entries()) {
      const name = topicName(topicPrefix, topic);
      const position = positions[name];
      if (position === undefined) {
        if (this.hasSettled) checks.wasAway(this.first + at);
        continue;
      }
      this.epochs[at] = position.epoch;
      checks.joined(this.first + at, position.sequence);
      const goal = position.sequence + (recovery[name]?.missed ?? 0);
      if (!checks.isComplete(this.first + at, goal)) this.goals.set(topic, goal);
    }
    this.isLive = true;
    tally.open += 1;
    if (!this.hasSettled) {
      this.hasSettled = true;
      recordLatency(tally.connect, clock.now() - this.dueAt);
      onSettled(rejected.length === 0);
    }
    if (this.goals.size === 0) this.live();
  }

  private reached(topic: number, subscription: number): void {
    const goal = this.goals.get(topic);
    if (goal === undefined || !this.context.checks.isComplete(subscription, goal)) return;
    this.goals.delete(topic);
    if (this.goals.size === 0) this.live();
  }

  /** Everything that was missed while away has come. */
  private live(): void {
    this.awaiting?.live(this.context.clock.now());
    this.awaiting = null;
  }

  private gap(data: Readonly<Record<string, unknown>>): void {
    const { checks, topicPrefix, onProgress } = this.context;
    const topic = topicNumber(topicPrefix, data['topic']);
    const subscription = this.subscriptionOf(topic);
    if (subscription === -1) return;
    const before = checks.verdict.announced;
    const { from, to, count, sequence, epoch, cause } = data as Record<string, number | string>;
    if (cause === 'history_lost') {
      checks.historyLost(subscription, Number(sequence));
      this.epochs[subscription - this.first] = String(epoch);
    } else if (cause === 'no_history') checks.announcedCount(subscription, Number(count));
    else checks.announced(subscription, Number(from), Number(to));
    onProgress(checks.verdict.announced - before);
    if (this.goals.size > 0) this.reached(topic, subscription);
  }

  private subscriptionOf(topic: number): number {
    const { topics } = this;
    // Nearly always there is one; more are few.
    if (topics[0] === topic) return this.first;
    const at = topics.indexOf(topic);
    return at === -1 ? -1 : this.first + at;
  }
}
