/** `GET /admin/connections/:id`, as far as the console shows it. */

export interface SubscriptionRow {
  readonly topic: string;
  readonly state: string;
  readonly position: { readonly epoch: string; readonly sequence: number };
  readonly head: number;
  readonly queued: number;
  readonly behind: number;
  readonly open_gap: object | null;
  readonly counts: {
    readonly live: number;
    readonly replayed: number;
    readonly displaced: number;
    readonly lost: number;
  };
}

export interface RefusedFrame {
  readonly at: number;
  readonly reason: string;
  readonly frame: string | null;
}

export interface Entry {
  readonly topic: string;
  readonly sequence: number;
  readonly bytes: number;
  readonly age_ms: number;
}

interface Lane {
  readonly messages: number;
  readonly bytes: number;
}

export interface ConnectionAnswer {
  readonly user: string;
  readonly tenant: string;
  readonly roles: readonly string[];
  readonly address: string;
  readonly transport: string;
  readonly format: string;
  readonly batching: boolean;
  readonly state: string;
  readonly connected_secs: number;
  readonly silent_secs: number;
  readonly oldest_age_ms: number;
  readonly lag: number;
  readonly token: { readonly expires_at: number | null };
  readonly lanes: {
    readonly control: Lane;
    readonly data: Lane;
    readonly socket: { readonly buffered_bytes: number; readonly blocked: boolean };
  };
  readonly health: {
    readonly mailbox_size: number;
    readonly messages_processed: number;
    readonly processing_time_ms: number;
    readonly restart_count: number;
    readonly last_error: string | null;
  };
  readonly patterns: readonly string[];
  readonly presence: readonly string[];
  readonly subscriptions: readonly SubscriptionRow[];
  readonly last_errors: readonly RefusedFrame[];
  readonly next_entries: readonly Entry[];
}
