/** The tables of the application, as its queries know them (migrations/). */
import type { Generated, Selectable } from 'kysely';

/** `sending`: a call is under way, or was when its node ended. `unknown`: it was sent, and nobody heard the answer. */
export type MessageStatus = 'pending' | 'sending' | 'unknown' | 'sent' | 'failed' | 'delivered' | 'read';

/** A step of a message: where it was, when, on which node, and why when it went wrong. */
export type StageMark = readonly [stage: string, at: number, node: string, reason?: string];

interface CustomerTable {
  readonly tenant: string;
  readonly id: string;
  readonly phone_number_id: string;
  readonly number: string;
  readonly name: string | null;
  readonly created_at: Date;
  readonly seen_at: Date;
}

interface MappingTable {
  readonly tenant: string;
  readonly id: string;
  readonly customer: string;
  readonly desk_conversation: string | null;
  readonly status: Generated<'active' | 'expired'>;
  readonly created_at: Date;
  readonly active_at: Date;
  readonly ended_at: Date | null;
}

interface MessageTable {
  readonly tenant: string;
  readonly id: string;
  readonly mapping: string;
  readonly direction: 'in' | 'out';
  readonly kind: string;
  readonly wamid: string | null;
  readonly desk_id: string | null;
  readonly status: Generated<MessageStatus>;
  readonly rank: Generated<number>;
  readonly reason: string | null;
  readonly media: string | null;
  readonly sequence: number | null;
  /** The id of its message in the conversation, of several that of the first: by it the server's own trace is found. */
  readonly published: string | null;
  readonly claim: string | null;
  /** Each as JSON. */
  readonly stages: Generated<readonly string[]>;
  readonly raw: string | null;
  readonly created_at: Date;
  readonly changed_at: Date;
}

export type CustomerRow = Selectable<CustomerTable>;
export type MappingRow = Selectable<MappingTable>;
export type MessageRow = Selectable<MessageTable>;

export interface Tables {
  readonly customers: CustomerTable;
  readonly mappings: MappingTable;
  readonly messages: MessageTable;
}
