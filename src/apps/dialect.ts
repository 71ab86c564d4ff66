/** A protocol of an application's own, as it gives it; the server lets its clients in and carries it (node/app-dialect.ts). */
import type { Refusal } from '../protocol/errors.ts';
import type { JsonValue } from '../protocol/frames.ts';
import type {
  DialectArrival,
  DialectClient,
  DialectFrame,
  DialectMessage,
  DialectRefusal,
  Heard,
  ServerFrame,
} from '../node/app-dialect.ts';
import type { MaybePromise } from './vocabulary.ts';

export type { DialectArrival, DialectClient, DialectFrame, DialectMessage, Heard, ServerFrame };

export interface Dialect {
  /** WebSocket, or a stream of events (`GET`). */
  readonly over: 'websocket' | 'events';
  /** Like that of a route; that of a WebSocket has no `:name` parts. */
  readonly path: string;
  /** Gives what speaks for a client that the server has let in, or why it may not come. */
  begin(arrival: DialectArrival): MaybePromise<DialectClient | Refusal>;
  /** A refusal before there is a client, as clients know it. Never waits. Without, as docs/http.md says. */
  refused?(problem: Refusal, header: (name: string) => string | undefined): DialectRefusal;
  /** The same as a message inside WebSocket, for pages, which see nothing of an HTTP answer. */
  told?(problem: Refusal): JsonValue;
}
