/** What an application is given: everything that it can do to the server, and ports for what it would import otherwise. */
import type { Principal } from '../auth/principal.ts';
import type { Action } from '../auth/rights.ts';
import type { Published } from '../broker/broker.ts';
import type { Database } from '../database/database.ts';
import type { TokenIssuer } from '../auth/issuing.ts';
import type { Reason, Refusal } from '../protocol/errors.ts';
import type { JsonValue } from '../protocol/frames.ts';
import type { Queue } from '../queue/queue.ts';
import type { Position } from '../protocol/position.ts';
import type { Reached } from '../service/reach.ts';
import type { Clock, Random, Scheduler } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import type { ConnectionFacts } from '../service/connection-events.ts';
import type { MaybePromise, StoredMessage, Zod } from './vocabulary.ts';
import type { Access, AppRoute, RouteDefinition } from './app-route.ts';
import type { Frame, FrameDefinition } from './frame.ts';

export type { TokenIssuer };

export interface Host {
  /** The application's own name. */
  readonly name: string;
  /** This node's name. */
  readonly node: string;
  readonly z: Zod;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Target `signalbox::<name>`. */
  readonly log: Log;

  /** What all nodes keep together, where the server has a store for that (`redis.url`); `null` without. */
  readonly shared: SharedStore | null;

  /** For an application that says so (`database` of App); `null` for others. */
  readonly database: Database | null;
  /** For an application that says so (`presence` of App); `null` for others. */
  readonly presence: HostPresence | null;

  /**
   * A queue that this application names (`queues` of App).
   * @throws RangeError for any other
   */
  queue(name: string): Queue;

  /**
   * What an application that this one uses (`uses` of App) offers: of the type that its public file names.
   * @throws RangeError when this one does not say that it uses it, or it offers nothing
   */
  used(app: string): unknown;

  /** Types the handler by its schema. */
  frame<Data = undefined>(definition: FrameDefinition<Data>): Frame;
  route<A extends Access, Query = Readonly<Record<string, string>>>(
    definition: RouteDefinition<A, Uint8Array, Query> & { readonly body: 'bytes' },
  ): AppRoute;
  route<A extends Access, Query = Readonly<Record<string, string>>>(
    definition: RouteDefinition<A, AsyncIterable<Uint8Array>, Query> & { readonly body: 'stream' },
  ): AppRoute;
  route<A extends Access, Body = undefined, Query = Readonly<Record<string, string>>>(
    definition: RouteDefinition<A, Body, Query>,
  ): AppRoute;

  /** A refusal, to be returned. @param reason one of docs/errors.md */
  refuse(reason: Reason, message: string, more?: RefusalMore): Refusal;
  isRefusal(answer: unknown): answer is Refusal;

  /** Stores and delivers a message, at the next sequence or at one of its own. No rights are asked: it is the application's word. */
  publish(topic: string, message: Outgoing): Promise<Published | Refusal>;
  /**
   * Messages up to a sequence say something else in the application's own history now: the log gives its words up, on every node,
   * and readers get the application's, without a gap. Only for topics that it owns. `null`: done.
   */
  withdraw(topic: string, upTo: number, tenant?: string): Promise<null | Refusal>;
  directMessage(user: User, message: Omit<Outgoing, 'tenant' | 'at'>): Promise<Published | Refusal>;
  /** A page of a topic, ascending unless `reverse`. */
  history(topic: string, request: PageRequest): Promise<Page | Refusal>;
  /** Whether somebody may act on a topic, as its owner, the rules and the token say. A refusal is for the caller to pass on, or to hide. */
  mayAct(principal: Principal, action: Action, topic: string): Promise<true | Refusal>;
  /** Where the head of a topic is: of one whose log is empty the application says it that owns it. */
  position(topic: string, tenant?: string): Promise<Position | Refusal>;
  /** Where the log of a topic is. It is behind the head where its owner has stored a message and has not published it yet. */
  logPosition(topic: string, tenant?: string): Promise<Position | Refusal>;

  /** Closes every connection of the user, on every node. With `reconnect` clients come back, else they stay away. */
  disconnect(user: User, options?: { readonly reconnect?: boolean }): Promise<Reached>;
  /** Closes every connection of a tenant, on every node. With `reconnect` clients come back, else they stay away. */
  disconnectTenant(tenant: string, options?: { readonly reconnect?: boolean }): Promise<Reached>;
  /** A `SystemNotification` to every connection of the user, on every node. */
  notify(user: User, event: string, data: JsonValue): Promise<Reached>;
  /**
   * Subscribes every connection of the user to topics, on every node, as if its clients had asked; those that follow them already
   * notice nothing. Its word is enough: `mayAct` is asked again when rights change.
   */
  subscribe(user: User, topics: readonly string[]): Promise<Reached>;
  unsubscribe(user: User, topics: readonly string[]): Promise<Reached>;
  /** Refuses every token of the user that was issued until now, and closes the connections that came with one, on every node. */
  revoke(user: User, options?: RevokeOptions): Promise<Reached>;
  /** The same for one token, by its id (`jti`). @param forSecs how long it may live yet */
  revokeToken(id: string, forSecs: number): Promise<Reached>;
  /**
   * Makes tokens that this server accepts: signed with its secret, or with a private key of which it has the public one.
   * @param privateKey PEM (PKCS #8); without, the secret of the server
   * @throws when the server would not accept them
   */
  tokenIssuer(privateKey?: string): TokenIssuer;
  /** Decisions have changed: of one user, on one topic or pattern, or all of a tenant. Ends memory and live subscriptions on every node. */
  rightsChanged(whose: RightsOf): Promise<Reached>;

  /**
   * Work that no caller waits for: a throw is a dead letter, a metric and a log line, and never ends the process. While the database
   * is away it is none of these. Resolves at its end, and never rejects.
   * @param name which work it is, for operators
   */
  background(name: string, work: () => Promise<unknown>): Promise<void>;

  /** Tells the application's instances on all nodes, this one included. At most 64 KiB; lost where a node does not hear it. */
  emit(event: string, data: JsonValue): void;
  on(event: string, handler: (data: JsonValue, from: { readonly node: string }) => void): void;

  /**
   * `signalbox_<app>_<name>`, in the table of metrics, summed over workers.
   * @param label of which a value is named with every count; at most 100 values are told apart
   */
  counter(name: string, help: string, label?: string): Counter;
  gauge(name: string, help: string, read: () => number): void;
  /** Of seconds. */
  histogram(name: string, help: string): Observations;
  /**
   * Adds a stage to a message that is traced on this node, shown by `./signalbox trace ID` as `APP.STAGE`.
   * @param id as `publish` and the hook `published` give it
   * @param stage letters a-z, digits, `_` and `-`, at most 32 characters
   * @param at milliseconds since 1970; without, now
   * @returns whether it is written down: `false` for a message that is not traced, as most are
   */
  trace(id: string, stage: string, at?: number): boolean;
  /**
   * What became of a published message, on all nodes, as `./signalbox trace ID` has it. Waits up to two seconds for nodes that do not
   * answer: it is for people who look for a message.
   * @param id as `publish` gives it
   */
  fate(id: string): Promise<MessageFate>;
  /** Critical: a log line and the webhook of `admin.alert_webhook`. */
  alert(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** The store of the server's own, whose state the server watches: every call is answered, at the latest with a failure. */
export interface SharedStore {
  /** @param kind letters a-z that nobody else uses; what has the same `name` is kept together */
  readonly keys: { key(kind: string, tenant: string, name: string): string };
  /** One result for each command; failures are among them. */
  write(
    commands: readonly (readonly [name: string, ...args: (string | number)[]])[],
    answered: (results: readonly unknown[]) => void,
  ): void;
}

/** Users in places of the application's own: no client enters, sees or counts them. A place is called like a topic. */
export interface HostPresence {
  /** The user is there until the connection, which is one of this node, has ended and `presence.grace_secs` are over. */
  enter(connection: Pick<ConnectionFacts, 'id' | 'principal'>, place: string): void;
  leave(connection: Pick<ConnectionFacts, 'id' | 'principal'>, place: string): void;
  /** Those of these users who are there, on whatever node. */
  present(
    tenant: string,
    asked: readonly { readonly place: string; readonly user: string }[],
  ): Promise<ReadonlySet<string> | Refusal>;
  /**
   * Told on one node when a user has come or has gone, the last of the user's connections on any node: perhaps twice, and never
   * when that node dies at this moment. When a node was killed, another one tells of its users.
   */
  onChange(told: (change: PlaceChange) => MaybePromise<void>): void;
}

export interface PlaceChange {
  readonly tenant: string;
  readonly place: string;
  readonly user: string;
  readonly isPresent: boolean;
}

/** A user id of the default tenant, or of a tenant. */
export type User = string | { readonly tenant: string; readonly user: string };

export interface RevokeOptions {
  /** Milliseconds since 1970: tokens issued until then; without, until now. */
  readonly issuedBefore?: number;
  /** How long it is remembered: as long as the longest tokens live; without, 30 days. */
  readonly forSecs?: number;
  /** The account is closed: these tokens get `403 account_inactive` instead of `401 token_revoked`. */
  readonly isClosed?: boolean;
}

export interface RightsOf {
  /** Without, the default tenant, or that of `user`. */
  readonly tenant?: string;
  readonly user?: User;
  /** A topic or a pattern. */
  readonly topic?: string;
}

export interface RefusalMore {
  readonly retryAfterMs?: number;
  readonly details?: Readonly<Record<string, JsonValue>>;
}

export interface Outgoing {
  readonly payload: JsonValue;
  /** Without, the default tenant. */
  readonly tenant?: string;
  /** User id; without, the application's name. */
  readonly from?: string;
  readonly clientId?: string;
  readonly idempotencyKey?: string;
  readonly trace?: string;
  /** The place that the application gave it, and when it was stored there; only for topics that the application owns. */
  readonly at?: Position;
  /** Milliseconds since 1970; with `at`. */
  readonly timestamp?: number;
}

export interface MessageFate {
  /** Whether the message is in the trace. Else `note` says why not, and recipients are those who follow its topic now. */
  readonly isTraced: boolean;
  readonly note: string | null;
  /** `null` when it is not in the trace. */
  readonly epoch: string | null;
  /** Of the server, in milliseconds since 1970; none when it is not in the trace. */
  readonly stages: Readonly<Record<string, number>>;
  readonly recipients: readonly MessageRecipient[];
  /** Recipients beyond the list, by how it ended for them. */
  readonly others: Readonly<Record<string, number>>;
  /** Nodes that did not answer, each with why. */
  readonly silent: readonly string[];
}

export interface MessageRecipient {
  readonly node: string;
  readonly connection: string;
  readonly user: string;
  /** `written`, `replayed`, `displaced`, `gap`, `purged`, `lost`; not traced: `delivered`, `pending`, `not_delivered`, `unknown`. */
  readonly end: string;
  /** Milliseconds since 1970; `null` when nothing was written down. */
  readonly at: number | null;
  /** In half a sentence, where nothing was written down. */
  readonly says: string | null;
}

export interface PageRequest {
  readonly tenant?: string;
  /** After this place; without, from the oldest. */
  readonly after?: Position;
  readonly before?: Position;
  readonly limit: number;
  readonly reverse?: boolean;
}

export interface Page {
  readonly messages: readonly (StoredMessage & { readonly id: string })[];
  /** The oldest sequence that can be read; `head + 1` when there is none. */
  readonly first: number;
  readonly head: Position;
  /** Set when `after` is no place of this topic: what lay between cannot be named. */
  readonly lost: 'history_lost' | 'unknown_epoch' | null;
}

export interface Counter {
  /** @param count at least 0; without, 1 */
  add(count?: number, label?: string): void;
}

export interface Observations {
  observe(seconds: number): void;
}
