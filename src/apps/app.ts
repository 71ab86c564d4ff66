/**
 * The seam: what an application is given and what it gives back (docs/applications.md). An application is a module with
 * a named export `app`. It needs only types of this file, so it runs in a checkout, installed, in workers and in tests
 * alike: schemas are made with the `z` that it is handed.
 */
import type { z } from 'zod';
import type { CallerFacts } from '../auth/callers.ts';
import type { Principal } from '../auth/principal.ts';
import type { Action } from '../auth/rights.ts';
import type { Draft, Published } from '../broker/broker.ts';
import type { Database } from '../database/database.ts';
import type { Migration } from '../database/migration.ts';
import type { Refusal } from '../protocol/errors.ts';
import type { JsonValue } from '../protocol/frames.ts';
import type { Queue } from '../queue/queue.ts';
import type { Position } from '../protocol/position.ts';
import type { ConnectingFacts, ConnectionFacts, Welcome } from '../service/connection-events.ts';
import type { ClientEvent, EventAnswer, EventTable, PublishedEvent, ServerEvent } from '../node/event-table.ts';
import type { Dialect } from './dialect.ts';
import type { Frame, FrameDefinition } from './frame.ts';
import type { Host } from './host-api.ts';
import type { Access, AppRoute, RouteDefinition } from './app-route.ts';
import type { Verb } from './verb.ts';
import type { MaybePromise, StoredMessage, Zod } from './vocabulary.ts';

export type { ClientEvent, EventAnswer, EventTable, PublishedEvent, ServerEvent };
export type {
  Access,
  AppRoute,
  Database,
  Dialect,
  Frame,
  FrameDefinition,
  Host,
  MaybePromise,
  Migration,
  Queue,
  RouteDefinition,
  StoredMessage,
  Verb,
  Zod,
};

export interface App<Settings = unknown> {
  /** `[a-z][a-z0-9-]*`: section `[apps.<name>]`, log target `signalbox::<name>`, prefix of its metrics. */
  readonly name: string;
  /** The keys of the section, as a strict object; without, the section takes none. */
  readonly settings?: (z: Zod) => z.ZodType<Settings>;
  /** It keeps something in the database of the server: then `host.database` is there. docs/database.md */
  readonly database?: UsedDatabase;
  /** Queues that it uses, by name: `host.queue` gives them. Another application may use the same. docs/queues.md */
  readonly queues?: UsedQueues;
  /**
   * First segments of paths that its routes may have beside `/api/` and `/apps/<name>/`: `/auth`. None that the server has.
   * Several applications may have one, but each route is one application's.
   */
  readonly places?: readonly `/${string}`[];
  /**
   * Topics of its own that are never stored, by name or pattern: no positions, no history, and a client that is not there misses
   * them. Said here and not with `topics`, because it holds before the application starts; a rule of [topics] cannot change it.
   */
  readonly ephemeral?: readonly string[];
  /** It keeps which users are there: then `host.presence` is there. */
  readonly presence?: boolean;
  /** Applications that it uses, by name: they have to run, start before it and end after it. `host.used` gives what they offer. */
  readonly uses?: readonly string[];
  /** Commands of the shell: `./signalbox <app> <verb>`. They run in a process of their own, without `start`. */
  readonly verbs?: readonly Verb<Settings>[];
  /** Called once per node, before the first client. A throw stops the server with the application's name and the reason. */
  start(host: Host, settings: Settings): MaybePromise<Parts>;
}

export interface UsedQueues {
  /** Each `[a-z][a-z0-9_-]*`, at most 64 characters; the name is that of the queue at the broker. */
  readonly names: readonly string[];
  /** Whether a node whose broker is away is no place for new clients. Without, it is none. */
  readonly isNeeded?: boolean;
}

export interface UsedDatabase {
  /** Changes of its tables: a folder of files `0001-first.sql`, or the same as a list. Each is applied once, in order. */
  readonly migrations: URL | readonly Migration[];
  /**
   * SQL that runs once where a backup was restored, in the same transaction: for what must not be as it was, as an epoch of which
   * readers have seen more. Its tables need their schema.
   */
  readonly restored?: string;
  /** Whether a node whose database is away is no place for new clients. Without, it is none. */
  readonly isNeeded?: boolean;
}

/** What an application gives back; everything is optional. */
export interface Parts {
  /** Handlers of frames, by their `X-` type, or for all that begin alike (`X-Shop-*`) and have none. Made with `host.frame`. */
  readonly frames?: Readonly<Record<`X-${string}`, Frame>>;
  /** Made with `host.route`. */
  readonly routes?: readonly AppRoute[];
  /** Topics that it owns. Claims of applications may not overlap. */
  readonly topics?: readonly OwnedTopics[];
  readonly hooks?: Hooks;
  /** What it knows of callers, beside their tokens. One application of a server does. */
  readonly callers?: Callers;
  /**
   * Namespaces of Socket.IO with the events that clients know there; a namespace belongs to one application. Without
   * `[socketio]` in the configuration nobody asks for them.
   */
  readonly socketio?: readonly EventTable[];
  /** Protocols of its own, each at a path: JSON over WebSocket, or a stream of events. */
  readonly dialects?: readonly Dialect[];
  /** Events that it has given up, for operators: `/admin/apps/dead-letters`. */
  readonly deadLetters?: AppDeadLetters;
  /**
   * What it has kept of a message that was published, for `./signalbox trace ID`, which shows it as `APP.STAGE`: whether the message
   * is traced or not, and on whichever node. The first time of a stage counts.
   */
  readonly stages?: (id: string) => MaybePromise<readonly ReachedStage[]>;
  /** A component of `/health`, and of readiness where it is needed. Called when somebody asks; never waits. */
  readonly health?: () => Health;
  /** What other applications of this process may do with it: those that say so with `uses`. The type is that of its public file. */
  readonly offers?: object;
  /** Ends within the grace time: what was acknowledged is not lost. Called when no connection is left. */
  readonly stop?: () => MaybePromise<void>;
}

export interface ReachedStage {
  /** Letters a-z, digits, `_` and `-`, at most 32 characters. */
  readonly stage: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface AppDeadLetters {
  /** The newest first. */
  readonly list: (limit: number) => MaybePromise<AppDeadLetterPage>;
  /** Tries some of them again. @param ids `null` for all */
  readonly replay: (ids: readonly string[] | null) => MaybePromise<unknown>;
}

export interface AppDeadLetterPage {
  readonly total: number;
  /** Each as JSON, with an `id`. */
  readonly deadLetters: readonly object[];
}

export interface Health {
  readonly status: 'healthy' | 'degraded' | 'unhealthy';
  /** For operators: what is wrong. No secrets. */
  readonly detail?: string;
  /** Whether a node on which it is `unhealthy` is no place for new clients. */
  readonly isNeeded?: boolean;
}

/** Keys that stand in the place of tokens, and whether a caller is served at all. */
export interface Callers {
  readonly keys?: CallerKeys;
  /**
   * Asked about everybody with a good token or key before anything is done: a request, a connection. Nothing: yes. No answer in
   * `apps.decision_timeout_ms` is a no.
   */
  readonly admits?: (caller: CallerFacts) => MaybePromise<undefined | Refusal>;
  /**
   * Why somebody who was admitted is served no more. Asked of every connection about once a second and of each request, so it
   * answers at once, from memory.
   */
  readonly standing?: (principal: Principal) => undefined | Refusal;
}

export interface CallerKeys {
  /** Of every key: at least three characters [A-Za-z0-9_-], and none that tokens begin with. */
  readonly prefix: string;
  /** A header of HTTP requests that keys may come in, beside `Authorization: Bearer`; lower case. */
  readonly header: string;
  /** What callers with neither a token nor a key are told. */
  readonly missing: string;
  /** Whom a key stands for; asked each time. */
  readonly verify: (key: string) => MaybePromise<KeyHolder | Refusal>;
}

export interface KeyHolder {
  readonly tenant: string;
  readonly user: string;
  readonly roles: readonly string[];
  /** As `jti` of a token: `host.revokeToken` ends its connections. */
  readonly tokenId: string;
  /** Milliseconds since 1970. */
  readonly issuedAt: number;
  /** Milliseconds since 1970; `Infinity` for one that does not end by itself. */
  readonly expiresAt: number;
}

/** Topics by pattern, of every tenant, and who decides over them. */
export interface OwnedTopics {
  /** A name, or a pattern with a literal first segment. */
  readonly pattern: string;
  /**
   * Whether the user may act, at once or later; `false` is `not_allowed`. Asked instead of the rules of [topics].
   * Without it the rules and the token decide. The answer is remembered for `apps.decision_age_secs`, or as it says.
   * @param topic the name that clients use; for a subscription perhaps a pattern that overlaps these topics
   */
  readonly mayAct?: (principal: Principal, action: Action, topic: string) => MaybePromise<boolean | Refusal | Decision>;
  /** The actions that `mayAct` is asked about: on the others the rules and the token decide. Without, all. */
  readonly decides?: readonly Action[];
  /**
   * After which sequence a user may read, 0 for all of it: asked, and not remembered, whenever somebody who may subscribe reads
   * older messages. Without it they read everything. What is before that is not told as lost.
   */
  readonly readable?: (principal: Principal, topic: string) => MaybePromise<number | Refusal>;
  /** What becomes of a message before it is stored. `undefined` accepts it as it is. */
  readonly publishing?: (principal: Principal, message: Message) => MaybePromise<PublishingAnswer>;
  /** What is older than the server's log, under the same sequences. */
  readonly history?: (topic: string, range: HistoryRange) => MaybePromise<HistoryPage>;
}

/** An answer of `mayAct` that says itself how long it may be remembered. */
export interface Decision {
  readonly answer: boolean | Refusal;
  /** 0: not at all. */
  readonly ageSecs: number;
}

/** A message on its way in. */
export interface Message {
  readonly tenant: string;
  /** The name that clients use. */
  readonly topic: string;
  readonly payload: JsonValue;
  /** The user who publishes. */
  readonly from: string;
  /** The `id` of the client's frame: unique per sender where clients care. */
  readonly clientId: string | undefined;
  readonly idempotencyKey: string | undefined;
  /** W3C traceparent. */
  readonly trace: string | undefined;
}

/** Nothing: as it is. `payload`: changed. `at`: stored by the application at its own sequence, to be appended there. Or a refusal. */
export type PublishingAnswer = undefined | Accepted | Stored | Refusal;

export interface Accepted {
  readonly payload: JsonValue;
}

export interface Stored {
  readonly at: Position;
  /** Milliseconds since 1970, as the application keeps it; never running back within a topic. */
  readonly timestamp: number;
  /** What was stored, when it differs from what came. */
  readonly payload?: JsonValue;
  /** It was stored before, under the same key or id. */
  readonly duplicate?: boolean;
}

/** Messages with `after < sequence < before`, at most `limit`. */
export interface HistoryRange {
  readonly tenant: string;
  readonly after: number;
  readonly before: number;
  readonly limit: number;
}

export interface HistoryPage {
  /** The oldest sequence that there is at all. */
  readonly first: number;
  /** Where the topic stands: a log that is new, or was lost, then stands there too, and nothing of it is lost to clients. */
  readonly head?: Position;
  /** Ascending and without holes. */
  readonly messages: readonly StoredMessage[];
}

/** After the fact, in order per connection, never on the path of delivery. `connecting` alone is asked before. */
export interface Hooks {
  /**
   * Hooks run before the client is answered, and not at the end of the turn: what they write down is not lost with the
   * process. Everybody waits for the part up to their first `await`.
   */
  readonly atOnce?: boolean;
  /** May refuse, and may add subscriptions. Nothing: as the token says. */
  readonly connecting?: (newcomer: ConnectingFacts) => MaybePromise<undefined | Welcome | Refusal>;
  readonly connected?: (connection: ConnectionFacts) => MaybePromise<void>;
  readonly subscribed?: (connection: ConnectionFacts, topic: string) => MaybePromise<void>;
  readonly unsubscribed?: (connection: ConnectionFacts, topic: string) => MaybePromise<void>;
  readonly disconnected?: (connection: ConnectionFacts, code: number) => MaybePromise<void>;
  /** A message of a client or backend was stored. What applications publish themselves is not told. `draft.payload` is JSON text. */
  readonly published?: (principal: Principal, topic: string, published: Published, draft: Draft) => MaybePromise<void>;
}
