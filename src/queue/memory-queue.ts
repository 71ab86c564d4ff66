/** One queue in memory. */
import type { Clock, Scheduler, Timer } from '../telemetry/clock.ts';
import { KeyLanes } from './key-lanes.ts';
import { QueueError } from './queue-error.ts';
import type { QueueDepth } from './queue.ts';
import type { DeadText, Delivery, Envelope, Receiver, Subscription } from './queue-store.ts';

export interface MemoryLimits {
  /** Messages of a queue, dead letters apart. */
  readonly maxMessages: number;
  /** Bytes of their text. */
  readonly maxBytes: number;
  /** Dead letters of a queue; beyond, the oldest give way. */
  readonly maxDead: number;
}

interface Item extends Envelope {
  attempts: number;
  /** Set while it waits for its next attempt. */
  timer: Timer | null;
  /** Whose hands it is in. */
  holder: MemorySubscription | null;
}

interface Dead extends DeadText {
  readonly envelope: Envelope;
}

export class MemoryQueue {
  private readonly name: string;
  private readonly limits: MemoryLimits;
  private readonly clock: Clock;
  private readonly scheduler: Scheduler;
  private readonly lanes = new KeyLanes<Item>();
  private readonly subscriptions = new Set<MemorySubscription>();
  /** The oldest first. */
  private buried: Dead[] = [];
  private messages = 0;
  private bytes = 0;
  private out = 0;
  private waitingLater = 0;
  private isPumpDue = false;

  constructor(name: string, limits: MemoryLimits, clock: Clock, scheduler: Scheduler) {
    this.name = name;
    this.limits = limits;
    this.clock = clock;
    this.scheduler = scheduler;
  }

  /** @throws QueueError `full` */
  put({ id, key, text }: Envelope): void {
    const { maxMessages, maxBytes } = this.limits;
    if (this.messages >= maxMessages || this.bytes + text.length > maxBytes)
      throw new QueueError(
        'full',
        `expected room in the queue ${this.name}, which has ${this.messages} of ${maxMessages} messages and ${this.bytes} of ${maxBytes} bytes`,
      );
    this.messages += 1;
    this.bytes += text.length;
    this.lanes.add(key, { id, key, text, attempts: 0, timer: null, holder: null });
    this.pump();
  }

  subscribe(prefetch: number, receiver: Receiver): Subscription {
    const subscription = new MemorySubscription(this, prefetch, receiver);
    this.subscriptions.add(subscription);
    this.pump();
    return subscription;
  }

  depth(): QueueDepth {
    return {
      ready: this.messages - this.out - this.waitingLater,
      unacknowledged: this.out,
      later: this.waitingLater,
      dead: this.buried.length,
    };
  }

  dead(limit: number): readonly DeadText[] {
    return this.buried
      .slice(-limit)
      .map(({ text, reason, attempt, at }) => ({ text, reason, attempt, at }))
      .toReversed();
  }

  /** @throws QueueError `full`; those before it are back */
  replay(ids: readonly string[] | null, limit: number): number {
    const wanted = ids === null ? null : new Set(ids);
    let count = 0;
    const kept: Dead[] = [];
    const dead = this.buried;
    for (const [at, one] of dead.entries()) {
      if (count >= limit || !(wanted?.has(one.envelope.id) ?? true)) {
        kept.push(one);
        continue;
      }
      try {
        this.put(one.envelope);
      } catch (error) {
        this.buried = [...kept, ...dead.slice(at)];
        throw error;
      }
      count += 1;
    }
    this.buried = kept;
    return count;
  }

  purge(): number {
    const dropped = this.lanes.clear(({ holder }) => holder === null);
    for (const item of dropped) {
      item.timer?.cancel();
      if (item.timer !== null) this.waitingLater -= 1;
      this.forget(item);
    }
    return dropped.length;
  }

  purgeDead(): number {
    const count = this.buried.length;
    this.buried = [];
    return count;
  }

  stop(): void {
    this.subscriptions.clear();
    this.purge();
  }

  /** At the end of the turn: nobody is called while putting. */
  pump(): void {
    if (this.isPumpDue || this.subscriptions.size === 0) return;
    this.isPumpDue = true;
    this.scheduler.endOfTurn(() => {
      this.isPumpDue = false;
      this.handOut();
    });
  }

  settled(item: Item): void {
    this.leave(item);
    this.forget(item);
    this.lanes.done(item.key);
    this.pump();
  }

  postponed(item: Item, ms: number, isCounted: boolean): void {
    this.leave(item);
    if (!isCounted) item.attempts -= 1;
    this.waitingLater += 1;
    item.timer = this.scheduler.after(ms, () => {
      item.timer = null;
      this.waitingLater -= 1;
      this.lanes.again(item.key);
      this.pump();
    });
    // The consumer has room again.
    this.pump();
  }

  died(item: Item, reason: string): void {
    const { id, key, text, attempts } = item;
    this.buried.push({ text, reason, attempt: attempts, at: this.clock.now(), envelope: { id, key, text } });
    if (this.buried.length > this.limits.maxDead) this.buried.shift();
    this.settled(item);
  }

  returned(item: Item): void {
    this.leave(item);
    this.lanes.again(item.key);
    this.pump();
  }

  left(subscription: MemorySubscription): void {
    this.subscriptions.delete(subscription);
  }

  /** One to each that has room, in turn. */
  private handOut(): void {
    for (;;) {
      const free = [...this.subscriptions].filter((it) => it.hasRoom);
      if (free.length === 0 || !this.lanes.hasReady) return;
      for (const subscription of free) {
        const item = this.lanes.take();
        if (item === undefined) return;
        item.attempts += 1;
        item.holder = subscription;
        this.out += 1;
        subscription.deliver(item);
      }
    }
  }

  private leave(item: Item): void {
    item.holder = null;
    this.out -= 1;
  }

  private forget({ text }: Item): void {
    this.messages -= 1;
    this.bytes -= text.length;
  }
}

class MemorySubscription implements Subscription {
  private readonly queue: MemoryQueue;
  private readonly prefetch: number;
  private readonly receiver: Receiver;
  private readonly inHand = new Set<Item>();
  private isPaused = false;

  constructor(queue: MemoryQueue, prefetch: number, receiver: Receiver) {
    this.queue = queue;
    this.prefetch = prefetch;
    this.receiver = receiver;
  }

  get hasRoom(): boolean {
    return !this.isPaused && this.inHand.size < this.prefetch;
  }

  deliver(item: Item): void {
    this.inHand.add(item);
    // Once: what was given back is somebody else's.
    const once =
      <Given extends unknown[]>(work: (...given: Given) => void) =>
      (...given: Given): void => {
        if (this.inHand.delete(item)) work(...given);
      };
    const delivery: Delivery = {
      text: item.text,
      attempt: item.attempts,
      settle: once(() => this.queue.settled(item)),
      later: once((ms: number, isCounted: boolean) => this.queue.postponed(item, ms, isCounted)),
      bury: once((reason: string) => this.queue.died(item, reason)),
    };
    this.receiver.deliver(delivery);
  }

  pause(): void {
    this.isPaused = true;
  }

  async end(): Promise<void> {
    this.pause();
    this.queue.left(this);
    for (const item of this.inHand) this.queue.returned(item);
    this.inHand.clear();
  }
}
