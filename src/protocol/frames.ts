/** The frames of wire protocol version 1 as types. docs/protocol.md is the prose; schema.ts is the same as a schema. */
import type { Position } from './position.ts';

export type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [key: string]: JsonValue };

/** One entry of `Subscribe.topics`, normalised: a bare string is `{ topic }`. */
export interface SubscribeEntry {
  readonly topic: string;
  readonly position?: Position;
  readonly from?: 'latest' | 'earliest';
  /** Where a pattern resumes, by topic. */
  readonly positions?: ReadonlyMap<string, Position>;
  /** Never from a client: the position was lost on the way. The topic begins live, behind an announced loss. */
  readonly lost?: true;
}

interface Envelope {
  readonly id: string | undefined;
  readonly trace: string | undefined;
}

/**
 * Never from a client, and so not charged to it. `given` comes with its token or from an application, and its own rights
 * decide; `granted` comes from a backend, whose rights have been looked at.
 */
type Ordered = 'given' | 'granted';

export interface PingFrame extends Envelope {
  readonly type: 'Ping';
  readonly timestamp: number | undefined;
}
export interface SubscribeFrame extends Envelope {
  readonly type: 'Subscribe';
  readonly topics: readonly SubscribeEntry[];
  readonly ordered?: Ordered;
}
export interface UnsubscribeFrame extends Envelope {
  readonly type: 'Unsubscribe';
  readonly topics: readonly string[];
  readonly ordered?: Ordered;
}
export interface BroadcastFrame extends Envelope {
  readonly type: 'Broadcast';
  readonly topic: string;
  /** JSON text. */
  readonly payload: string;
  readonly idempotencyKey: string | undefined;
}
export interface DirectMessageFrame extends Envelope {
  readonly type: 'DirectMessage';
  readonly targetUser: string;
  /** JSON text. */
  readonly payload: string;
  readonly idempotencyKey: string | undefined;
}
export interface GetMissedMessagesFrame extends Envelope {
  readonly type: 'GetMissedMessages';
  /** A message id, or a position by topic. */
  readonly since: string | ReadonlyMap<string, Position>;
  readonly sessionId: string | undefined;
  readonly topics: readonly string[] | undefined;
  readonly limit: number;
}
export interface HistoryFrame extends Envelope {
  readonly type: 'History';
  readonly topic: string;
  readonly since: Position | undefined;
  readonly before: Position | undefined;
  readonly limit: number;
  readonly reverse: boolean;
}
export interface AuthenticateFrame extends Envelope {
  readonly type: 'Authenticate';
  readonly token: string;
}
export interface AckFrame extends Envelope {
  readonly type: 'Ack';
  readonly positions: ReadonlyMap<string, Position>;
}
export interface PresenceFrame extends Envelope {
  readonly type: 'Presence';
  readonly topic: string;
  readonly action: 'enter' | 'update' | 'leave';
  /** JSON text of an object. */
  readonly data: string | undefined;
}
export interface PresenceGetFrame extends Envelope {
  readonly type: 'PresenceGet';
  /** Whose members are asked for; without, {@link topics}. */
  readonly topic: string | undefined;
  /** Of which only the numbers are asked for. */
  readonly topics: readonly string[] | undefined;
  readonly limit: number;
  readonly after: string;
  readonly user: string | undefined;
}
export interface ExtensionFrame extends Envelope {
  readonly type: `X-${string}`;
  readonly data: JsonValue | undefined;
}

export type ClientFrame =
  | PingFrame
  | SubscribeFrame
  | UnsubscribeFrame
  | BroadcastFrame
  | DirectMessageFrame
  | GetMissedMessagesFrame
  | HistoryFrame
  | AuthenticateFrame
  | AckFrame
  | PresenceFrame
  | PresenceGetFrame
  | ExtensionFrame;

/** Every client frame type that the core knows; `X-*` types go to applications. */
export const CLIENT_FRAME_TYPES = [
  'Ping',
  'Subscribe',
  'Unsubscribe',
  'Broadcast',
  'DirectMessage',
  'GetMissedMessages',
  'History',
  'Authenticate',
  'Ack',
  'Presence',
  'PresenceGet',
] as const;

/** Frames for one client, as opposed to publications, which are encoded once for all. */
const CONTROL_FRAME_TYPES = [
  'Status',
  'Ack',
  'Pong',
  'Error',
  'Gap',
  'Ping',
  'AuthStatus',
  'SystemNotification',
] as const;

export interface ControlFrame {
  readonly type: (typeof CONTROL_FRAME_TYPES)[number];
  /** The id of the client frame that this one answers. */
  readonly reply_to?: string | undefined;
  readonly timestamp?: number;
  readonly data: Readonly<Record<string, unknown>>;
}
