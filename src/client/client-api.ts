/** What an application holds of a client, and what the entries beside it take of it. */
import type { Position } from '../protocol/position.ts';
import type { ServerFrame } from '../protocol/wire.ts';
import type { ClientEvents } from './client-options.ts';
import type { ConnectionState } from './connection-state.ts';
import type { BufferBounds } from './consumer.ts';
import type { Environment } from './environment.ts';
import type { Publishes } from './publish-ports.ts';
import type { PublishOptions, Receipt } from './publishing.ts';
import type { Topic } from './topic.ts';

type PayloadOf<T, N> = N extends keyof T ? T[N] : unknown;

/** Of entries beside the core. */
type CoreType = 'History' | 'Presence' | 'PresenceGet' | 'Subscribe';

/** @typeParam T what is published where, as `{ news: Article; [chat: `chat.${string}`]: Line }` */
export interface Client<T = Record<string, unknown>> extends ClientParts {
  readonly state: ConnectionState;
  /** Milliseconds since 1970, as the server says. */
  readonly serverTime: number;
  /** The messages to one's own user, on all devices. */
  readonly direct: Topic;
  /** Free: nothing happens before it is read or published to. */
  topic<N extends string>(name: N): Topic<PayloadOf<T, N>>;
  topic<P>(name: string): Topic<P>;
  /** A message to a user. Whether there is one is not revealed. */
  send(user: string, payload: unknown, options?: PublishOptions): Promise<Receipt>;
  /**
   * A frame that an application has added to the server, or one of presence; it waits for a connection. Rejects with a
   * SignalboxError: `outcome_unknown` when the connection was lost before the answer.
   */
  request(type: `X-${string}` | CoreType, data?: unknown): Promise<unknown>;
  /** @returns what ends it */
  on<E extends keyof ClientEvents>(event: E, listener: (value: ClientEvents[E]) => void): () => void;
  /** Lets the connection go; `resume()` brings it back where it was. */
  pause(): void;
  resume(): void;
  /** Does not wait for the back-off. */
  retryNow(): void;
  /** The end. Messages that wait to be published stay in the storage. Resolves when all is written there: a program may exit then. */
  close(): Promise<void>;
  /** The end, and nothing is left of the user: no positions, no queue, no token. */
  signOut(): Promise<void>;
}

/** For the entries beside the core: they may change with any version. */
export interface ClientParts {
  /** What it takes of the world around it. */
  readonly environment: Environment;
  /** What these keep with it, so that there is one for a topic, however many ask. */
  readonly shared: Map<string, unknown>;
  /** Functions of theirs that see every frame. */
  readonly taps: Set<(frame: ServerFrame) => void>;
  readonly bounds: BufferBounds;
  /** None of a client that only reads. */
  readonly publishes: Publishes | undefined;
  /** Whether a key is of this client. */
  readonly isMine: (key: string) => boolean;
  /** Up to where the application has handled each topic. */
  readonly positions: ReadonlyMap<string, Position>;
  keep(topic: string, position: Position): void;
  /** Nobody reads it any more. */
  leave(topic: string): void;
  /** Tells what nobody else is told. */
  faulty(cause: unknown): void;
}
