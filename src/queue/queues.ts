/** The queues of a node, by their names. */
import { isQueueName, QUEUE_NAME_FORM } from './queue-name.ts';
import { NamedQueue, type QueuePorts } from './named-queue.ts';
import type { Queue } from './queue.ts';
import type { QueueStore } from './queue-store.ts';

export class Queues {
  readonly store: QueueStore;
  private readonly ports: QueuePorts;
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

  /** Ends the consumers of this node; messages are taken as before. */
  async quiet(graceMs: number): Promise<void> {
    await Promise.all([...this.byName.values()].map((queue) => queue.stop(graceMs)));
  }

  stop(): Promise<void> {
    return this.store.stop();
  }
}
