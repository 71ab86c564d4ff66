/** The port below queues: this process, or a broker that nodes share. It keeps text, and knows nothing of handlers. */
import type { QueueDepth } from './queue.ts';

/** What a store has to know of a message. */
export interface Envelope {
  readonly id: string;
  readonly key: string;
  /** JSON of the whole message. */
  readonly text: string;
}

/** A message in the hands of a consumer. One of the three is called once; a store that is away does it when it is back. */
export interface Delivery {
  readonly text: string;
  /** From 1. */
  readonly attempt: number;
  settle(): void;
  /** @param isCounted whether the attempt counts */
  later(ms: number, isCounted: boolean): void;
  bury(reason: string): void;
}

export interface Receiver {
  deliver(delivery: Delivery): void;
  /** The broker has given it to somebody else, or will: what is done with it now is done twice. */
  lost(delivery: Delivery): void;
}

export interface Subscription {
  /** Nothing more is delivered. */
  pause(): void;
  /** Messages that are not settled go back to the queue. */
  end(): Promise<void>;
}

export interface DeadText {
  readonly text: string;
  readonly reason: string;
  readonly attempt: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface StoreTrouble {
  /** `starting`: it has not answered yet. `full`: it takes no messages. */
  readonly state: 'starting' | 'away' | 'unfit' | 'full';
  /** For operators: what was expected and what came, without what opens it. */
  readonly says: string;
}

/** All queues of a node. What asks the broker rejects with a QueueError `unavailable` while it is away. */
export interface QueueStore {
  /** As `queue.kind` has it. */
  readonly kind: string;
  /** `null` when messages are taken. */
  trouble(): StoreTrouble | null;
  /** Makes the queue where it is missing, now or when the broker is there. */
  use(queue: string): void;
  /** Resolves after the confirm. @throws QueueError */
  put(queue: string, envelope: Envelope): Promise<void>;
  /** At most `prefetch` are delivered and not settled; of one key never two. */
  subscribe(queue: string, prefetch: number, receiver: Receiver): Subscription;
  depth(queue: string): Promise<QueueDepth>;
  dead(queue: string, limit: number): Promise<readonly DeadText[]>;
  replay(queue: string, ids: readonly string[] | null, limit: number): Promise<number>;
  purge(queue: string): Promise<number>;
  purgeDead(queue: string): Promise<number>;
  /** When no subscription is left. */
  stop(): Promise<void>;
}
