/** What the frames and topics of conversations say (docs/conversations.md), as far as the library reads it. */
export interface Reaction {
  readonly emoji: string;
  readonly count: number;
  /** Whether one's own is among them. */
  readonly mine: boolean;
}

/** What a sender says; `type` is `text` when it is not given. */
export interface MessageBody {
  readonly type?: string;
  readonly content?: string;
  /** Sent: ids or URLs of own uploads. Received: what is known of them. */
  readonly attachments?: readonly unknown[];
  readonly mentions?: readonly string[];
  /** Sequence of the message that this one answers. */
  readonly parent?: number;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface MessageView extends MessageBody {
  readonly sequence: number;
  readonly n: number;
  readonly from: string;
  readonly timestamp: number;
  readonly clientId?: string;
  readonly thread?: number;
  readonly edited?: boolean;
  readonly deleted?: boolean;
  readonly reactions?: readonly Reaction[];
}

/** Of X-ConversationMessages. */
export interface MessagesPage {
  readonly messages: readonly MessageView[];
  readonly hasMore: boolean;
  /** Up to which event the reactions are counted. */
  readonly sequence: number;
}

export interface MemberFacts {
  readonly user: string;
  readonly role: string;
  readonly status: string;
  readonly label?: string | null;
}

export interface ConversationFacts {
  readonly id: string;
  readonly kind: 'private' | 'group' | 'space';
  readonly status: string;
  readonly name: string | null;
  readonly description?: string | null;
  readonly metadata: unknown;
  readonly messages: number;
  readonly sequence: number;
  readonly me?: MemberFacts & { readonly unread: number; readonly readTo: number };
}

/** Of X-ConversationGet. */
export interface Got {
  readonly conversation: ConversationFacts;
  readonly members: readonly MemberFacts[];
  readonly next: string | null;
}

export interface Position {
  readonly user: string;
  readonly readTo: number;
  readonly deliveredTo: number;
}

/** What comes on `conversation.<id>`. */
export type Event =
  | ({ readonly event: 'message'; readonly n: number } & Omit<MessageView, 'sequence' | 'from' | 'timestamp' | 'n'>)
  | { readonly event: 'edited'; readonly of: number; readonly content?: string; readonly deleted?: boolean }
  | { readonly event: 'deleted'; readonly of: number }
  | { readonly event: 'reaction'; readonly of: number; readonly emoji: string; readonly added: boolean }
  | { readonly event: 'members'; readonly changes: readonly MemberFacts[] }
  | { readonly event: 'changed'; readonly name?: string; readonly description?: string; readonly status?: string };

/** What comes on `conversation.<id>.live`. */
export type LiveEvent =
  | { readonly event: 'typing'; readonly user: string; readonly isTyping: boolean; readonly until?: number }
  | { readonly event: 'read' | 'delivered'; readonly user: string; readonly to: number };

/** An item of X-ConversationList. */
export interface ListedConversation {
  readonly id: string;
  readonly kind: ConversationFacts['kind'];
  readonly status: string;
  readonly name: string | null;
  readonly metadata: unknown;
  readonly unread: number;
  readonly readTo: number;
  readonly sequence: number;
  readonly lastMessage: LastMessage | null;
  readonly others: readonly { readonly user: string; readonly label: string | null }[];
  readonly members: number;
}

interface LastMessage {
  readonly sequence: number;
  readonly n: number;
  readonly from: string;
  readonly type: string;
  /** The beginning of its text. */
  readonly preview: string | null;
  readonly isDeleted: boolean;
  readonly sentAt: string;
}
