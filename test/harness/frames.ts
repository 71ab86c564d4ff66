/** The server's frames as a client of docs/protocol.md sees them. Nothing is checked here: that is what the tests do. */

export interface Position {
  readonly epoch: string;
  readonly sequence: number;
}

interface Recovery {
  readonly recovered: boolean;
  readonly missed: number;
  readonly reason?: string;
}

/** `data` of all types together: a field that a type does not have is `undefined`. */
export interface Data {
  readonly status: string;
  readonly details: unknown;
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly temporary: boolean;
  readonly retry_after_ms: number;
  readonly topic: string;
  readonly payload: unknown;
  readonly sequence: number;
  readonly epoch: string;
  readonly from: string | number;
  readonly to: number;
  readonly count: number;
  readonly cause: string;
  readonly from_user: string;
  readonly client_id: string;
  readonly replayed: boolean;
  readonly message_id: string;
  readonly id: string;
  readonly recipients: number;
  readonly timestamp: number;
  readonly server_time: number;
}

export interface Frame {
  readonly type: string;
  readonly id?: string;
  readonly reply_to?: string;
  readonly timestamp?: number;
  readonly trace?: string;
  readonly data: Data;
}

/** `details` of the first frame. */
export interface Connected {
  readonly connection_id: string;
  readonly session_id: string;
  readonly node: string;
  readonly server_time: number;
  readonly protocol_version: number;
  readonly mode: string;
  readonly heartbeat_interval_ms: number;
  readonly client_timeout_ms: number;
  readonly max_message_size: number;
  readonly limits: Readonly<Record<string, number>>;
  readonly mailbox: { readonly capacity: number; readonly bytes: number; readonly overflow_strategy: string };
  readonly features: readonly string[];
}

export interface Subscribed {
  readonly topics: readonly string[];
  readonly active_subscriptions: number;
  readonly positions: Readonly<Record<string, Position>>;
  readonly recovery: Readonly<Record<string, Recovery>>;
  readonly rejected: readonly {
    readonly topic: string;
    readonly code: number;
    readonly reason: string;
    readonly details?: unknown;
  }[];
}

export interface Missed {
  readonly count: number;
  readonly complete: boolean;
  readonly topics: Readonly<Record<string, Position & { readonly recovered: boolean; readonly reason?: string }>>;
}

/** A frame that answers a client's frame with an id: every one gets exactly one. */
export function isTerminal({ type }: Frame): boolean {
  return type === 'Status' || type === 'Ack' || type === 'Pong' || type === 'Error';
}

export function isPublication({ type }: Frame): boolean {
  return type === 'Broadcast' || type === 'DirectMessage';
}
