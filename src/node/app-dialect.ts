/**
 * A protocol of an application's own: JSON messages at a path, over WebSocket or as a stream of events. Each of its clients is a
 * connection like all others, with the same rights, limits, log and drain; the application says what a message means as a frame
 * of docs/protocol.md, and what the server's frames are called there.
 */
import type { Principal } from '../auth/principal.ts';
import type { Refusal } from '../protocol/errors.ts';
import type { JsonValue } from '../protocol/frames.ts';

/** A client that the server lets in. */
export interface DialectArrival {
  readonly principal: Principal;
  /** Parts of the path that it names with `:name`. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** Of a stream that goes on; `null` for one that begins. */
  readonly lastEventId: string | null;
}

/** A frame of a client. */
export interface DialectFrame {
  readonly type: string;
  /** By which its answer is known. */
  readonly id?: string;
  readonly data?: JsonValue;
}

/** What a client's message means: a frame; why there is none, as the answer to a frame of this id would say it; nothing. */
export type Heard = { readonly frame: DialectFrame } | { readonly refusal: Refusal; readonly id?: string } | null;

/** A frame of the server: `Status`, `Error`, `Broadcast`, `Gap` and so on. */
export interface ServerFrame {
  readonly type: string;
  readonly reply_to?: string;
  readonly timestamp?: number;
  readonly data: Readonly<Record<string, JsonValue>>;
}

/** A message to a client. */
export interface DialectMessage {
  readonly json: JsonValue;
  /** In a stream of events: its name, and its id, which the client hands back when it comes again. */
  readonly event?: string;
  readonly id?: string;
}

/** One client, as the application sees it. It waits for nothing. */
export interface DialectClient {
  /** Frames in its name, before any of its own. */
  readonly first?: readonly DialectFrame[];
  /** Whether it is subscribed to what its token and applications give it; a stream of events is not unless it says so. */
  readonly isGiven?: boolean;
  /** Of a WebSocket. */
  received?(message: JsonValue): Heard;
  told(frame: ServerFrame): readonly DialectMessage[];
  /** It is gone. */
  ended?(code: number): void;
}

/** With the application around it: nothing of it throws, and it answers in time. */
export interface AppDialect {
  /** The application. */
  readonly app: string;
  readonly over: 'websocket' | 'events';
  /** Literal segments, and for a stream of events `:name` parts. */
  readonly path: string;
  begin(arrival: DialectArrival, decide: (client: DialectClient | Refusal) => void): void;
  /** The body of a refusal; `null`: as docs/http.md says. */
  refused(problem: Refusal, header: (name: string) => string | undefined): DialectRefusal | null;
  /** A refusal as a message; `null`: there is none. */
  told(problem: Refusal): JsonValue;
}

export interface DialectRefusal {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: JsonValue;
}
