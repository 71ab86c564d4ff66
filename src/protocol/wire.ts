/** The server's frames as they stand on the wire, for their readers: the client library and its test server. Types only. */
import type { Position } from './position.ts';

/** `details` of the first frame. Optional is what servers before version 0.2 do not say. */
export interface ConnectedDetails {
  readonly connection_id: string;
  readonly session_id: string;
  /** As the server knows the client. */
  readonly user?: string;
  readonly tenant?: string;
  readonly node: string;
  readonly server_time: number;
  readonly mode: string;
  readonly heartbeat_interval_ms: number;
  readonly max_message_size: number;
  /** When the token ends, in milliseconds since 1970; `null` when it never does. */
  readonly token_expires_at?: number | null;
  readonly limits: {
    readonly connection_rps?: number;
    readonly connection_burst?: number;
    readonly idempotency_window_ms?: number;
    readonly history_limit?: number;
  };
  readonly features: readonly string[];
}

/** Why something was refused: `data` of an `Error` frame, and an entry of `rejected`. */
export interface WireError {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly temporary?: boolean;
  readonly retry_after_ms?: number;
  readonly details?: Readonly<Record<string, unknown>>;
}

export interface SubscribedDetails {
  readonly topics: readonly string[];
  readonly positions: Readonly<Record<string, Position>>;
  readonly recovery: Readonly<
    Record<string, { readonly recovered: boolean; readonly missed: number; readonly reason?: string }>
  >;
  readonly rejected: readonly (WireError & { readonly topic: string })[];
}

export interface HistoryDetails {
  readonly topic: string;
  readonly messages: readonly ServerFrame[];
  readonly complete: boolean;
  readonly reason?: string;
  readonly position: Position;
  readonly next?: Position;
}

/** `data` of all types together: a field that a type does not have is `undefined`. */
export interface ServerData extends WireError {
  readonly status: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly topic: string;
  readonly payload: unknown;
  readonly epoch: string;
  readonly sequence?: number;
  readonly from: string | number;
  readonly from_user?: string;
  readonly to: number;
  readonly count: number;
  readonly cause: 'overflow' | 'trimmed' | 'no_history' | 'history_lost';
  readonly client_id?: string;
  readonly replayed?: boolean;
  readonly id?: string;
  readonly recipients: number;
  readonly expires_at: number;
}

export interface ServerFrame {
  readonly type: string;
  readonly id?: string;
  readonly reply_to?: string;
  readonly timestamp?: number;
  readonly data: ServerData;
}
