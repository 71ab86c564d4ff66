/** The queues of a node, by their names. */
import type { Timer } from '../telemetry/clock.ts';
import type { QueuesGauges } from '../telemetry/gauges.ts';
import { isQueueName, QUEUE_NAME_FORM } from './queue-name.ts';
import { NamedQueue, type QueuePorts } from './named-queue.ts';
import type { Queue } from './queue.ts';
import type { QueueStore } from './queue-store.ts';

const LOOK_MS = 5_000;

export class Queues {
  readonly store: QueueStore;
  private readonly ports: QueuePorts;
  private watching: Timer | null = null;
  private readonly byName = new Map<string, NamedQueue>();

  constructor(store: QueueStore, ports: QueuePorts) {
    this.store = store;
    this.ports = ports;
  }

  get names(): readonly string[] {
    return [...this.byName.keys()];
  }

  /** @throws RangeError when the name cannot be one */
  of(name: string): Queue {
    let queue = this.byName.get(name);
    if (queue === undefined) {
      if (!isQueueName(name))
        throw new RangeError(`expected ${QUEUE_NAME_FORM} as the name of a queue, got ${JSON.stringify(name)}`);
      queue = new NamedQueue(name, this.store, this.ports);
      this.byName.set(name, queue);
    }
    return queue;
  }

  /** Looks at the depths now and then: whoever asks for metrics does not wait. */
  watch(): void {
    this.watching ??= this.ports.scheduler.every(LOOK_MS, () => void this.look());
    void this.look();
  }

  usage(): QueuesGauges {
    const queues = [...this.byName].map(([name, { counts }]) => counts.read(name));
    return { kind: this.store.kind, isUp: this.store.trouble() === null, queues };
  }

  private async look(): Promise<void> {
    for (const queue of this.byName.values()) queue.counts.depth = await queue.depth().catch(() => null);
  }

  /** Ends the consumers of this node; messages are taken as before. */
  async quiet(graceMs: number): Promise<void> {
    await Promise.all([...this.byName.values()].map((queue) => queue.stop(graceMs)));
  }

  stop(): Promise<void> {
    this.watching?.cancel();
    return this.store.stop();
  }
}
