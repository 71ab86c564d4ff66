/** Queues of one process: bounded, ordered, and gone with it. */
import type { Clock, Scheduler } from '../telemetry/clock.ts';
import { MemoryQueue, type MemoryLimits } from './memory-queue.ts';
import type { QueueDepth } from './queue.ts';
import type { DeadText, Envelope, QueueStore, Receiver, StoreTrouble, Subscription } from './queue-store.ts';

export class MemoryQueueStore implements QueueStore {
  readonly kind = 'memory';
  private readonly queues = new Map<string, MemoryQueue>();
  private readonly limits: MemoryLimits;
  private readonly clock: Clock;
  private readonly scheduler: Scheduler;

  constructor(limits: MemoryLimits, clock: Clock, scheduler: Scheduler) {
    this.limits = limits;
    this.clock = clock;
    this.scheduler = scheduler;
  }

  trouble(): StoreTrouble | null {
    return null;
  }

  use(queue: string): void {
    this.of(queue);
  }

  async put(queue: string, envelope: Envelope): Promise<void> {
    this.of(queue).put(envelope);
  }

  subscribe(queue: string, prefetch: number, receiver: Receiver): Subscription {
    return this.of(queue).subscribe(prefetch, receiver);
  }

  async depth(queue: string): Promise<QueueDepth> {
    return this.of(queue).depth();
  }

  async dead(queue: string, limit: number): Promise<readonly DeadText[]> {
    return this.of(queue).dead(limit);
  }

  async replay(queue: string, ids: readonly string[] | null, limit: number): Promise<number> {
    return this.of(queue).replay(ids, limit);
  }

  async purge(queue: string): Promise<number> {
    return this.of(queue).purge();
  }

  async purgeDead(queue: string): Promise<number> {
    return this.of(queue).purgeDead();
  }

  async stop(): Promise<void> {
    for (const queue of this.queues.values()) queue.stop();
  }

  private of(name: string): MemoryQueue {
    let queue = this.queues.get(name);
    if (queue === undefined) {
      queue = new MemoryQueue(name, this.limits, this.clock, this.scheduler);
      this.queues.set(name, queue);
    }
    return queue;
  }
}
