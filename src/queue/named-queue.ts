/** A queue of a store, as its users see it. */
import { messageText, readMessage } from './message-text.ts';
import { QueueCounts } from './queue-counts.ts';
import { QueueError } from './queue-error.ts';
import type { Consumer, ConsumeOptions, DeadMessage, Handle, NewMessage, Queue, QueueDepth } from './queue.ts';
import type { DeadText, QueueStore } from './queue-store.ts';
import { StoreConsumer, type ConsumerPorts } from './store-consumer.ts';

export interface QueuePorts extends ConsumerPorts {
  /** Bytes of a message with everything that belongs to it. */
  readonly maxMessageBytes: number;
}

const REPLAY = 1_000;

export class NamedQueue implements Queue {
  readonly name: string;
  private readonly store: QueueStore;
  private readonly ports: QueuePorts;
  readonly counts = new QueueCounts();
  private readonly consumers = new Set<Consumer>();

  constructor(name: string, store: QueueStore, ports: QueuePorts) {
    this.name = name;
    this.store = store;
    this.ports = ports;
    store.use(name);
  }

  async put(message: NewMessage): Promise<void> {
    try {
      await this.send(message);
      this.counts.put(null);
    } catch (error) {
      this.counts.put(error);
      throw error;
    }
  }

  private async send(message: NewMessage): Promise<void> {
    const { id = this.ports.random.id(), key } = message;
    const text = messageText(id, message, this.ports.clock.now());
    const bytes = Buffer.byteLength(text);
    const { maxMessageBytes } = this.ports;
    if (bytes > maxMessageBytes)
      throw new QueueError(
        'too_large',
        `expected at most ${maxMessageBytes} bytes (queue.max_message_bytes), got ${bytes}`,
      );
    await this.store.put(this.name, { id, key, text });
  }

  consume(options: ConsumeOptions, handle: Handle): Consumer {
    const consumer = new StoreConsumer(this.name, this.store, this.ports, options, handle, this.counts);
    this.consumers.add(consumer);
    return consumer;
  }

  depth(): Promise<QueueDepth> {
    return this.store.depth(this.name);
  }

  async dead(limit: number): Promise<readonly DeadMessage[]> {
    return (await this.store.dead(this.name, limit)).map(deadMessage);
  }

  replay(ids: readonly string[] | null, limit = REPLAY): Promise<number> {
    return this.store.replay(this.name, ids, limit);
  }

  purge(): Promise<number> {
    return this.store.purge(this.name);
  }

  purgeDead(): Promise<number> {
    return this.store.purgeDead(this.name);
  }

  /** Ends its consumers on this node. */
  async stop(graceMs: number): Promise<void> {
    await Promise.all([...this.consumers].map((consumer) => consumer.stop(graceMs)));
  }
}

function deadMessage({ text, reason, attempt, at }: DeadText): DeadMessage {
  try {
    return { ...readMessage(text, attempt), reason, at };
  } catch {
    // Somebody else has put it there: shown, so that it can be dropped.
    return { id: '', key: '', tenant: '', body: null, headers: {}, queuedAt: 0, attempt, reason, at };
  }
}
