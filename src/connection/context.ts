/** What all connections of a node share: ports, limits and parts. One object per node. */
import type { Policy, Supervisor } from '../actor/supervisor.ts';
import type { Principal } from '../auth/principal.ts';
import type { Rate } from '../limits/token-bucket.ts';
import type { ExtensionFrame, JsonValue } from '../protocol/frames.ts';
import type { Refusal } from '../protocol/errors.ts';
import type { ServiceContext } from '../service/context.ts';
import type { SessionStore } from '../session/session-store.ts';
import type { Random } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { Backlog } from './backlog.ts';
import type { Connection } from './connection.ts';
import type { Flusher } from './flusher.ts';
import type { LastErrors } from './last-errors.ts';
import type { ReadingTurns } from './reading-turns.ts';
import type { TurnGuard } from './turn-guard.ts';

/** Limits of a connection; rates may change at run time, in place. */
export interface ConnectionLimits {
  readonly mailboxCapacity: number;
  readonly mailboxBytes: number;
  /** Control frames that may wait; one more closes the connection. */
  readonly controlCapacity: number;
  readonly controlBytes: number;
  /** One page of a replay. */
  readonly pageMessages: number;
  readonly pageBytes: number;
  readonly maxMessageSize: number;
  /** How long an idempotency key is remembered. */
  readonly idempotencyWindowMs: number;
  readonly maxSubscriptions: number;
  readonly maxMatchedTopics: number;
  /** In beats, which are seconds that a blocked event loop does not count. */
  readonly heartbeatBeats: number;
  readonly clientTimeoutBeats: number;
  /** Between two comments on a stream of events. */
  readonly streamHeartbeatBeats: number;
  /** A stream of events ends after so many, less up to a fifth. */
  readonly streamBeats: number;
  readonly stallTimeoutBeats: number;
  readonly closeTimeoutBeats: number;
  readonly leewayMs: number;
  readonly limitRates: boolean;
  readonly connectionRate: Rate;
  /** How long the owner of a topic may take to decide on a frame. */
  readonly decisionTimeoutMs: number;
}

/** Handles the frames of one `X-` type, for the application that has it. */
export interface FrameHandler {
  /** Whether read-only mode refuses it. */
  readonly writes: boolean;
  /** Tokens that a frame costs. */
  readonly cost: number;
  /**
   * Answers with the `data` of the reply's Status, or refuses; in time, and never with a throw.
   * @param ending is aborted when the connection ends, and may be at the deadline: nobody waits for the answer any more
   */
  handle(
    frame: ExtensionFrame,
    connection: Connection,
    ending: AbortController,
  ): Promise<Readonly<Record<string, JsonValue>> | Refusal>;
}

/** What the node says of itself. */
export interface NodeFacts {
  readonly name: string;
  /** Tells this run of the node from others of the same name: ids must not repeat after a restart. */
  readonly instance: string;
  /** What makes session ids of this run unguessable; told nobody. */
  readonly sessionKey: string;
  /** `running`, `read_only`, `draining` …: the first Status says it. */
  readonly mode: string;
  readonly isReadOnly: boolean;
  /** Seconds since the start in which the event loop was free to count. */
  readonly beat: number;
}

export interface ConnectionContext extends ServiceContext {
  readonly random: Random;
  readonly log: Log;
  /** Of frames in and out, without what is in them: frame-log.ts. */
  readonly frameLog: Log;
  readonly flusher: Flusher;
  readonly backlog: Backlog;
  readonly turnGuard: TurnGuard;
  readonly lastErrors: LastErrors;
  readonly readingTurns: ReadingTurns;
  readonly supervisor: Supervisor;
  readonly policy: Policy;
  readonly sessions: SessionStore;
  readonly limits: ConnectionLimits;
  /** By type. */
  readonly frameHandlers: ReadonlyMap<string, FrameHandler>;
  /** Those with a `Subscribe` or a `GetMissedMessages` under way. */
  readonly pending: Set<Connection>;
  /** Of the frames that applications are handling: of a connection one at a time. */
  readonly underWay: Map<Connection, AbortController>;
  readonly node: NodeFacts;
  /** Verifies the token of an `Authenticate` frame. */
  readonly verify: (token: string, reply: (answer: Principal | Refusal) => void) => void;
  /** A live connection by its session id, for a client that comes back before its old socket was found dead. */
  liveSession(id: string): Connection | undefined;
  /** The connection is over: the node forgets it. */
  ended(connection: Connection): void;
}
