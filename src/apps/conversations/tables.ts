/** The tables of the application, as its queries know them (migrations/). */
import type { Generated } from 'kysely';

export type Kind = 'private' | 'group' | 'space';

interface Conversation {
  readonly tenant: string;
  readonly id: string;
  readonly kind: Kind;
  /** Of the positions of its topic. */
  readonly epoch: string;
  /** Sequence of the newest message. */
  readonly head: Generated<number>;
  /** Up to it everything is in the log for certain. */
  readonly appended: Generated<number>;
  readonly changed_at: Generated<Date>;
}

interface Member {
  readonly tenant: string;
  readonly conversation: string;
  readonly user_id: string;
  readonly role: Generated<'owner' | 'admin' | 'member' | 'reader'>;
  readonly status: Generated<'active' | 'left' | 'removed'>;
}

interface Message {
  readonly tenant: string;
  readonly conversation: string;
  readonly sequence: number;
  readonly sender: string;
  readonly client_id: string | null;
  /** JSON text. */
  readonly payload: string;
  readonly sent_at: Date;
}

export interface Tables {
  readonly conversations: Conversation;
  readonly members: Member;
  readonly messages: Message;
}
