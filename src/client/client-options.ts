/** What a client is made with, and what it tells. */
import type { BackOffOptions } from './back-off.ts';
import type { ClientCodec } from './codec.ts';
import type { ConnectionState } from './connection-state.ts';
import type { BufferBounds } from './consumer.ts';
import type { Environment } from './environment.ts';
import type { SignalboxError } from './errors.ts';
import type { QueueOptions } from './publishing.ts';
import type { ClientStorage } from './storage.ts';
import type { TokenSource } from './tokens.ts';

export interface ClientOptions {
  /** Of the WebSocket endpoint, as `wss://example.com/ws`. */
  readonly url: string | (() => string | Promise<string>);
  readonly token?: TokenSource;
  /** `lazy`, when it is not given: at the first topic or publish. */
  readonly connect?: 'lazy' | 'now';
  readonly codec?: ClientCodec;
  /** Where positions and the queue are kept, of `signalbox/client/persist`; without one, in memory. */
  readonly storage?: ClientStorage;
  readonly queue?: QueueOptions;
  /** Of each reader: above it the log is the buffer. */
  readonly buffer?: Partial<BufferBounds>;
  readonly backoff?: BackOffOptions;
  /** How long a topic without readers stays subscribed. */
  readonly lingerMs?: number;
  readonly environment?: Partial<Environment>;
  /** For networks without WebSocket: `overHttp()` of `signalbox/client/sse`. */
  readonly fallback?: (environment: Environment) => Environment['open'];
}

/** A message from the operators to everybody who is connected. */
export interface Notification {
  readonly level: string;
  readonly message: string;
  readonly title?: string;
}

export interface ClientEvents {
  readonly state: ConnectionState;
  /** What no promise and no handler was told. */
  readonly error: SignalboxError;
  readonly notification: Notification;
  /** A hole that nobody announced, in the topic of this name. It was asked for again; report it. */
  readonly violation: string;
}
