/** What a topic needs of its client. */
import type { Position } from '../protocol/position.ts';
import type { HistoryDetails } from '../protocol/wire.ts';
import type { BufferBounds } from './consumer.ts';
import type { SignalboxError } from './errors.ts';
import type { SubscriptionState } from './feed.ts';
import type { PageRequest } from './waiting-requests.ts';
import type { Item, Message } from './items.ts';
import type { PublishOptions, Receipt } from './publishing.ts';
import type { Since } from './subscriptions.ts';

/** One reader, as the client runs it. */
export interface Reader {
  readonly handler: (item: Item) => unknown;
  readonly refused: (error: SignalboxError | null) => void;
  readonly threw?: ((error: SignalboxError) => void) | undefined;
  readonly since: Since;
}

export interface TopicPorts {
  readonly bounds: BufferBounds;
  read(topic: string, reader: Reader): () => void;
  state(topic: string): SubscriptionState;
  watch(topic: string, listener: () => void): () => void;
  position(topic: string): Position | undefined;
  publish(topic: string, payload: unknown, options: PublishOptions | undefined): Promise<Receipt>;
  page(request: PageRequest): Promise<HistoryDetails>;
  message(topic: string, frame: HistoryDetails['messages'][number]): Message;
  /** What nobody else is told. */
  failed(cause: unknown): void;
  after(ms: number, work: () => void): () => void;
}
