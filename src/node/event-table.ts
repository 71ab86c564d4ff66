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
}

/** The answer to an event, as its acknowledgement hands it over. */
export type EventAnswer = { readonly ok: boolean } & Readonly<Record<string, JsonValue>>;

/** What an event of a client becomes. */
export interface ClientEvent {
  /** The type of a frame: of an application (`X-…`), or of the server (docs/protocol.md). */
  readonly type: string;
  /** `data` of the frame. Without, it is the first argument. A throw refuses the event. */
  readonly data?: (args: readonly JsonValue[]) => JsonValue | Refusal | undefined;
  /** What the client is sent when the frame is answered, beside the acknowledgement that it may have asked for. */
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
  readonly payload: JsonValue;
  readonly replayed: boolean;
}

export interface EventTable {
  /** `/` or `/name`. */
  readonly namespace: string;
  /** By the names of clients' events. */
  readonly events: Readonly<Record<string, ClientEvent>>;
  /** Whether clients have the server's own events too: `subscribe`, `publish` and so on. Without, they have not. */
  readonly withServerEvents?: boolean;
  /**
   * What a publication is called: asked once for all of its readers. `null`: it is not sent. Without, it is a `message`
   * or a `direct`. A throw is that, too.
   */
  readonly published?: (publication: PublishedEvent) => ServerEvent | null;
  /** Why a client may not come in, as the text of its `connect_error`, or `null`. A throw lets nobody in. */
  readonly connecting?: (auth: Readonly<Record<string, unknown>>, principal: Principal) => string | null;
}
