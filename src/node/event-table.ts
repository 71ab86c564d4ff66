/**
 * Events of clients that have no frames of their own (Socket.IO), for the dialect that speaks them: what each means as
 * a frame, and what the server's frames are called there. The server has one table, for the namespace `/`; applications
 * bring theirs.
 */
import type { Principal } from '../auth/principal.ts';
import type { JsonValue } from '../protocol/frames.ts';
import type { Refusal } from '../protocol/errors.ts';

/** What a client is sent: a name and the arguments of its listeners. */
export interface ServerEvent {
  readonly event: string;
  readonly args: readonly JsonValue[];
  /** Of a publication: the clients that are not sent it. */
  readonly except?: Excepted;
}

/** All clients of a user, or the one that has taken this id for its own ({@link ClientEvent.data}). */
export type Excepted = { readonly user: string } | { readonly clientId: string };

/** The answer to an event, as its acknowledgement hands it over. */
export type EventAnswer = { readonly ok: boolean } & Readonly<Record<string, JsonValue>>;

/** What an event of a client becomes. */
export interface ClientEvent {
  /** The type of a frame: of an application (`X-…`), or of the server (docs/protocol.md). */
  readonly type: string;
  /**
   * `data` of the frame. Without, it is the first argument. A throw refuses the event.
   * @param own an id by which the client knows its own publication again ({@link ServerEvent.except}): the one that is given, or one that nobody has
   */
  readonly data?: (args: readonly JsonValue[], own: (clientId?: string) => string) => JsonValue | Refusal | undefined;
  /** What the client is sent when the frame is answered, beside the acknowledgement that it may have asked for; in place of `error`. */
  readonly answered?: (answer: EventAnswer, args: readonly JsonValue[]) => ServerEvent | null;
}

/** A publication, as all of its readers see it. */
export interface PublishedEvent {
  /** `Broadcast` or `DirectMessage`. */
  readonly type: string;
  readonly topic: string;
  /** Missing where a topic keeps no log. */
  readonly sequence?: number;
  readonly epoch?: string;
  readonly id?: string;
  readonly timestamp: number;
  readonly from: string;
  /** That of its sender, where it has one. */
  readonly client_id?: string;
  readonly payload: JsonValue;
  readonly replayed: boolean;
}

/** The principal that has been let in. */
export interface Newcomer {
  readonly principal: Principal;
  /** `socket.id` of the client. */
  readonly socket: string;
  /** Milliseconds from its request until now. */
  readonly tookMs: number;
}

export interface EventTable {
  /** `/` or `/name`. */
  readonly namespace: string;
  /** By the names of clients' events. */
  readonly events: Readonly<Record<string, ClientEvent>>;
  /** Whether clients have the server's own events too: `subscribe`, `publish` and so on. Without, they have not. */
  readonly withServerEvents?: boolean;
  /**
   * What a publication is called: asked once for all of its readers. `null`: it is not sent. `undefined`, or without this member: it
   * is a `message` or a `direct`. A throw is that, too.
   */
  readonly published?: (publication: PublishedEvent) => ServerEvent | null | undefined;
  /** Why a client may not come in, as the text of its `connect_error`, or `null`. A throw lets nobody in. */
  readonly connecting?: (auth: Readonly<Record<string, unknown>>, principal: Principal) => string | null;
  /** What a client is sent when it has been let in, before anything else of the table. A throw sends nothing. */
  readonly welcome?: (newcomer: Newcomer) => ServerEvent | null;
}
