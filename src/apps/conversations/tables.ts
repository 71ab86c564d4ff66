/** The tables of the application, as its queries know them (migrations/). */
import type { Generated, GeneratedAlways } from 'kysely';

export type Kind = 'private' | 'group' | 'space';
export type Status = 'active' | 'resolved' | 'closed';
export type Role = 'owner' | 'admin' | 'moderator' | 'member' | 'reader';
export type MemberStatus = 'active' | 'left' | 'removed' | 'pending';

interface Conversation {
  readonly tenant: string;
  readonly id: string;
  readonly kind: Kind;
  /** Of the positions of its topic. */
  readonly epoch: string;
  readonly status: Generated<Status>;
  readonly name: string | null;
  readonly description: string | null;
  /** JSON text of the user or backend that made it, not looked into. */
  readonly metadata: string | null;
  readonly created_by: string;
  /** Sequence of the newest event. */
  readonly head: Generated<number>;
  /** How many of the events are messages. */
  readonly messages: Generated<number>;
  /** Up to it everything is in the log for certain. */
  readonly appended: Generated<number>;
  /** Whether it is not: something may be missing there. */
  readonly is_behind: GeneratedAlways<boolean>;
  /** The oldest sequence that is kept. */
  readonly first: Generated<number>;
  /** How many messages were before it. */
  readonly gone: Generated<number>;
  readonly created_at: Generated<Date>;
  readonly changed_at: Generated<Date>;
  /** Sequence of the newest message. */
  readonly last_message: number | null;
  readonly last_message_at: Generated<Date>;
  /** Whether its first members were told that it has begun. */
  readonly is_told: Generated<boolean>;
}

interface Member {
  readonly tenant: string;
  readonly conversation: string;
  readonly user_id: string;
  readonly role: Generated<Role>;
  readonly status: Generated<MemberStatus>;
  readonly label: string | null;
  /** `null`: as the role says. */
  readonly can_send: boolean | null;
  readonly can_upload: boolean | null;
  readonly can_add: boolean | null;
  readonly can_remove: boolean | null;
  readonly notifications: Generated<boolean>;
  /** Sequences; `read_messages` is `read_to` as a number among messages. */
  readonly read_to: Generated<number>;
  readonly read_messages: Generated<number>;
  readonly delivered_to: Generated<number>;
  /** May read what is after it. */
  readonly history_from: Generated<number>;
  /** And up to here, where the member has left or was removed. */
  readonly history_to: number | null;
  readonly archived_at: Date | null;
  readonly joined_at: Generated<Date>;
}

interface Event {
  readonly tenant: string;
  readonly conversation: string;
  readonly sequence: number;
  /** Its number among messages; `null` for what changes a message or the members. */
  readonly message: number | null;
  readonly sender: string;
  readonly client_id: string | null;
  /** JSON text of the publication, without `n`. */
  readonly payload: string;
  readonly sent_at: Date;
  readonly edited_at: Date | null;
  readonly deleted_at: Date | null;
  readonly parent: number | null;
  readonly thread: number | null;
  /** The message that an edit or a deletion is about. */
  readonly about: number | null;
  /** JSON: what users were told beside it. */
  readonly notices: string | null;
}

interface Reaction {
  readonly tenant: string;
  readonly conversation: string;
  readonly sequence: number;
  readonly user_id: string;
  readonly emoji: string;
}

interface Audit {
  readonly id: Generated<number>;
  readonly tenant: string;
  readonly actor: string;
  readonly action: string;
  readonly conversation: string | null;
  readonly is_allowed: boolean;
  readonly details: string | null;
  readonly address: string | null;
  readonly agent: string | null;
  readonly at: Generated<Date>;
}

interface DeletedUser {
  readonly tenant: string;
  readonly user_id: string;
  readonly deleted_at: Generated<Date>;
  readonly blanked_at: Date | null;
}

export interface Tables {
  readonly conversations: Conversation;
  readonly members: Member;
  readonly events: Event;
  readonly reactions: Reaction;
  readonly audit: Audit;
  readonly deleted_users: DeletedUser;
}
