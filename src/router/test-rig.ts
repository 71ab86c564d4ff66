/** A router on virtual time over the real memory broker, and subscribers that write down what they are told. */
import { MemoryBroker } from '../broker/memory.ts';
import type { Codec } from '../protocol/codec.ts';
import { json } from '../protocol/json.ts';
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import { messageId, type Position, type Publication } from '../protocol/position.ts';
import { topicDigest, type Topic } from '../protocol/topic.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { silentLog } from '../telemetry/log.ts';
import type { TraceLimits } from '../telemetry/message-trace.ts';
import type { FlushRequests, Interest } from './interest.ts';
import type { RoutedTopic, TailLimits } from './routed-topic.ts';
import { Router } from './router.ts';
import { Subscription, type Subscriber } from './subscription.ts';

const PLENTY = { messages: 1_000, ageMs: 3_600_000, bytes: 10_000_000 };
export const LINGER_MS = 10_000;
export const REST_MS = 60_000;

export interface Told {
  readonly what: 'queued' | 'fellBehind' | 'announced';
  readonly topic: Topic;
  readonly count?: number;
  readonly bytes?: number;
}

let lastSubscriber = 0;

export class TestSubscriber implements Subscriber {
  readonly number = (lastSubscriber += 1);
  readonly id = `c-${this.number}`;
  readonly principal = { user: `user${this.number}` };
  readonly codec: Codec;
  readonly told: Told[] = [];
  /** Topics that were let go of. */
  readonly resting: Topic[] = [];
  router: Router | null = null;
  readonly faults: unknown[] = [];
  /** Names that were looked at for its patterns. */
  names = 0;
  /** What patterns brought, by topic. */
  readonly brought = new Map<Topic, Subscription>();
  /** Declines what patterns bring. */
  declines = false;
  /** Runs inside `queued`. */
  whenQueued: (subscription: Subscription) => void = () => {};

  constructor(codec: Codec = json) {
    this.codec = codec;
  }

  queued(subscription: Subscription, count: number, bytes: number): void {
    this.told.push({ what: 'queued', topic: subscription.topic.name, count, bytes });
    this.whenQueued(subscription);
  }

  fellBehind(subscription: Subscription): void {
    this.told.push({ what: 'fellBehind', topic: subscription.topic.name });
    subscription.beginLag(false);
  }

  announced(subscription: Subscription): void {
    this.told.push({ what: 'announced', topic: subscription.topic.name });
  }

  faulted(error: unknown): void {
    this.faults.push(error);
  }

  matched(topic: RoutedTopic): Subscription | null {
    if (this.declines) return null;
    const subscription = this.brought.get(topic.name) ?? new Subscription(this, topic);
    this.brought.set(topic.name, subscription);
    return subscription;
  }

  looked(names: number): void {
    this.names += names;
  }

  rested(subscription: Subscription): void {
    this.resting.push(subscription.topic.name);
    this.brought.delete(subscription.topic.name);
    this.router?.leave(subscription);
  }

  /** How many publications of a topic were queued, call by call. */
  counts(topic: Topic): (number | undefined)[] {
    return this.told.filter((told) => told.what === 'queued' && told.topic === topic).map(({ count }) => count);
  }

  what(topic: Topic): Told['what'][] {
    return this.told.filter((told) => told.topic === topic).map(({ what }) => what);
  }
}

type RetainReply = Parameters<Interest['retain']>[1];

/** The broker's interest: calls or answers can be late, and answers replaced by a refusal. */
export class TestInterest implements Interest {
  readonly retained: Topic[] = [];
  readonly released: Topic[] = [];
  /** What is held back: calls on their way to the broker, or its answers. */
  holds: 'nothing' | 'calls' | 'answers' = 'nothing';
  refusal: Refusal | null = null;
  private readonly held: (() => void)[] = [];
  private readonly inner: Interest;

  constructor(inner: Interest) {
    this.inner = inner;
  }

  retain(filter: Topic, reply: RetainReply, by?: string): void {
    this.retained.push(filter);
    const { refusal, holds } = this;
    const late: RetainReply = holds === 'answers' ? (answer) => this.held.push(() => reply(answer)) : reply;
    const call = (): void => (refusal === null ? this.inner.retain(filter, late, by) : late(refusal));
    if (holds === 'calls') this.held.push(call);
    else call();
  }

  release(filter: Topic): void {
    this.released.push(filter);
    this.inner.release(filter);
  }

  /** Lets go of what was held back. */
  letGo(): void {
    this.holds = 'nothing';
    for (const work of this.held.splice(0)) work();
  }
}

export interface RigOptions {
  readonly tail?: Partial<TailLimits>;
  readonly trace?: TraceLimits;
  readonly maxTopics?: number;
}

export class RouterRig {
  readonly clock = new VirtualClock();
  readonly broker: MemoryBroker;
  readonly interest: TestInterest;
  readonly router: Router;
  /** How often the router asked to be flushed in the middle of a turn. */
  flushedAtOnce = 0;

  constructor({ tail = {}, trace, maxTopics = 1_000 }: RigOptions = {}) {
    this.broker = new MemoryBroker(
      {
        retention: { rules: [{ ...PLENTY, pattern: 'typing.**', messages: 0 }], fallback: PLENTY, direct: PLENTY },
        maxTopics,
        maxBytes: 10_000_000,
        idempotencyWindowMs: 1_000,
        idempotencyKeys: 10,
        forgetAfterMs: 60_000,
      },
      this.clock,
      new SeededRandom(1),
    );
    this.interest = new TestInterest(this.broker);
    const flush: FlushRequests = {
      atEndOfTurn: () => this.clock.endOfTurn(() => this.router.routeDirty()),
      atOnce: () => {
        this.flushedAtOnce += 1;
        this.router.routeDirty();
      },
    };
    const limits = { messages: 100, bytes: 1_000_000, totalBytes: 10_000_000, ...tail };
    this.router = new Router(
      { tail: limits, lingerMs: LINGER_MS, restMs: REST_MS, trace },
      this.interest,
      flush,
      this.clock,
      silentLog,
    );
    void this.broker.start(this.router);
  }

  /** Publishes through the broker, which tells the router when it retains the topic. */
  publish(topic: Topic, count = 1): void {
    for (let at = 0; at < count; at += 1)
      this.broker.publish(
        topic,
        { payload: '1', from: 'ada', clientId: undefined, trace: undefined, idempotencyKey: undefined },
        (answer) => {
          if (isRefusal(answer)) throw new Error(answer.message);
        },
      );
  }

  endTurn(): void {
    this.clock.endTurn();
  }

  /** Subscribes at the head, as a client does that names no position. */
  subscribe(topic: Topic, owner: Subscriber): Subscription {
    const subscription = this.router.join(topic, owner);
    this.router.whenKept(subscription.topic, (refused) => {
      if (refused === null) this.router.startLive(subscription);
    });
    return subscription;
  }

  /** Subscribes to a pattern. Answers why not, or `null`. */
  subscribePattern(pattern: string, owner: Subscriber): Refusal | null {
    let outcome: Refusal | null | undefined;
    this.router.joinPattern(pattern, owner, (refused) => {
      outcome = refused;
    });
    if (outcome === undefined) throw new Error('the broker has not answered');
    return outcome;
  }

  topic(name: Topic): RoutedTopic {
    for (const topic of this.router.openTopics()) if (topic.name === name) return topic;
    throw new Error(`${name} is not open`);
  }

  isOpen(name: Topic): boolean {
    return [...this.router.openTopics()].some((topic) => topic.name === name);
  }
}

export function publication(topic: Topic, position: Position | null, payload = '1'): Publication {
  return {
    topic,
    id: position === null ? '' : messageId(1, position.sequence, topicDigest(topic)),
    position,
    from: 'ada',
    clientId: undefined,
    trace: undefined,
    payload,
    timestamp: 1,
  };
}

/** Bytes of publications in a format, as they are sent. */
export function sizeOf(codec: Codec, publications: readonly Publication[]): number {
  return publications.reduce((sum, item) => sum + Buffer.byteLength(codec.publication(item)), 0);
}
