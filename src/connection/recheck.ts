/**
 * Asks anew whether live subscriptions are still allowed, when claims or rights have changed. Messages of before are
 * written first. Messages that come from then on wait until it is known: nobody is sent what is perhaps not theirs any more.
 */
import type { Principal } from '../auth/principal.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { ClientFrame } from '../protocol/frames.ts';
import { looksLikePattern, matches } from '../protocol/topic.ts';
import type { Subscription } from '../router/subscription.ts';
import { askToRead, subscribeProblem } from '../service/checks.ts';
import { recheckPresence } from '../service/presence.ts';
import { affects, isOf, type RightsChange } from '../service/rights-change.ts';
import type { Connection } from './connection.ts';
import { tellUnsubscribed } from './events.ts';
import { rejection, statusFrame } from './replies.ts';
import { serveOut } from './serve-out.ts';
import { sessionChanged } from './sessions.ts';
import { activeSubscriptions, endPatterns, endTopics, hold, holdFor, release } from './subscriptions.ts';

type Refused = ReadonlyMap<string, Refusal>;

/** Rights have changed, perhaps those of this client: what it may not have any more ends, and it is told why. */
export function rightsChanged(connection: Connection, change: RightsChange): void {
  if (!isOf(change, connection.principal)) return;
  connection.cell.answer(() => {
    serveOut(connection);
    lookAgain(connection, change);
  }, null);
}

/** The same for a change that came while a `Subscribe` was under way: messages that have waited since then go on waiting. */
export function rightsHaveChanged(connection: Connection, change: RightsChange): void {
  connection.cell.answer(() => lookAgain(connection, change), null);
}

function lookAgain(connection: Connection, change: RightsChange): void {
  if (!connection.isOpen) return;
  const { context, principal } = connection;
  const { user, tenant } = principal;
  const isAbout = (name: string): boolean => affects(change, { user, tenant, name });
  recheckMembers(connection, isAbout);
  connection.missed?.rightsChanged((name) => isAbout(name) && subscribeProblem(context, principal, name) !== null);
  const { joining } = connection;
  if (joining === null) return recheck(connection, isAbout, null, (refused) => tell(connection, refused));
  // Its answer comes first; what the change may concern waits with what has just been joined.
  for (const subscription of connection.subscriptions)
    if (isAbout(subscription.topic.clientName)) hold(connection, subscription);
  joining.changes.push(change);
}

/** Ends the client's presence where it is not allowed any more, and tells it so. Until it is known, its user is still present. */
export function recheckMembers(connection: Connection, isAbout: (name: string) => boolean): void {
  const { context, principal } = connection;
  const isStill = (): boolean => connection.isOpen && connection.principal === principal;
  recheckPresence(context, connection, isAbout, isStill, (ended) =>
    connection.send(statusFrame('presence', { ...ended, action: 'leave', reason: 'not_allowed' })),
  );
}

/**
 * Ends the subscriptions that are not allowed any more, and says which those were.
 * @param isAbout which topics and patterns are looked at, as the client names them
 * @param frame the frame that this answers, if there is one
 */
export function recheck(
  connection: Connection,
  isAbout: (name: string) => boolean,
  frame: ClientFrame | null,
  done: (refused: Refused) => void,
): void {
  new Recheck(connection, frame, done).begin(namesOf(connection).filter(isAbout));
}

export class Recheck {
  private readonly held: Subscription[] = [];
  private readonly unknown = new Set<string>();
  private readonly refused = new Map<string, Refusal>();
  private readonly principal: Principal;
  private readonly connection: Connection;
  private readonly frame: ClientFrame | null;
  private readonly done: (refused: Refused) => void;
  private isOver = false;

  constructor(connection: Connection, frame: ClientFrame | null, done: (refused: Refused) => void) {
    this.connection = connection;
    this.principal = connection.principal;
    this.frame = frame;
    this.done = done;
  }

  begin(names: readonly string[]): void {
    const { context } = this.connection;
    for (const name of names) this.unknown.add(name);
    try {
      for (const name of names) this.learn(name, subscribeProblem(context, this.principal, name));
      if (this.unknown.size === 0) return this.end();
      this.connection.rechecks = [...(this.connection.rechecks ?? []), this];
      for (const subscription of this.connection.subscriptions) this.holdIfUnknown(subscription);
      for (const name of this.unknown)
        askToRead(context, this.principal, name, (problem) => this.answered(name, problem));
    } catch (error) {
      this.failed();
      throw error;
    }
  }

  /** A subscription of a topic that is in question waits with the others, also one that a pattern brings meanwhile. */
  holdIfUnknown(subscription: Subscription): void {
    const { clientName } = subscription.topic;
    const isUnknown = [...this.unknown].some(
      (name) => name === clientName || (looksLikePattern(name) && matches(name, clientName)),
    );
    if (!isUnknown) return;
    holdFor(this.held, subscription);
  }

  private learn(name: string, problem: Refusal | null | undefined): void {
    if (problem === undefined) return;
    if (problem !== null) this.refused.set(name, problem);
    this.unknown.delete(name);
  }

  private answered(name: string, problem: Refusal | null): void {
    this.learn(name, problem);
    if (this.unknown.size > 0 || this.isOver) return;
    this.isOver = true;
    this.connection.cell.answer(() => this.end(), this.frame);
  }

  /** A topic that nobody has allowed is not allowed. The part that looks after faults answers the frame, if there is one. */
  private failed(): void {
    for (const name of this.unknown)
      this.refused.set(name, refusal('internal', 'asking for the right to this topic failed inside the server'));
    const ended = this.finish();
    if (this.frame === null) this.done(ended);
  }

  private end(): void {
    this.done(this.finish());
  }

  private finish(): Refused {
    this.isOver = true;
    const { connection } = this;
    const rest = (connection.rechecks ?? []).filter((other) => other !== this);
    connection.rechecks = rest.length === 0 ? null : rest;
    // Asked for other claims than the present ones: the change of claims has asked anew.
    const ended =
      this.principal === connection.principal ? endRefused(connection, this.refused) : new Map<string, Refusal>();
    for (const subscription of this.held) release(connection, subscription);
    return ended;
  }
}

/** Topics that the client named, and its patterns. */
function namesOf({ subscriptions, patterns }: Connection): string[] {
  const topics = subscriptions.filter(({ isExplicit }) => isExplicit).map(({ topic }) => topic.clientName);
  return [...topics, ...(patterns ?? [])];
}

/** Ends what is still there of it: the client may have unsubscribed meanwhile. */
function endRefused(connection: Connection, refused: Refused): Map<string, Refusal> {
  const there = new Set(namesOf(connection));
  const ended = new Map([...refused].filter(([name]) => there.has(name)));
  const names = [...ended.keys()];
  endTopics(
    connection,
    names.filter((name) => !looksLikePattern(name)),
  );
  endPatterns(connection, names);
  if (ended.size > 0) sessionChanged(connection);
  tellUnsubscribed(connection, ended.keys());
  return ended;
}

function tell(connection: Connection, ended: Refused): void {
  if (ended.size === 0 || !connection.isOpen) return;
  connection.send(
    statusFrame('unsubscribed', {
      topics: [...ended.keys()],
      active_subscriptions: activeSubscriptions(connection),
      rejected: [...ended].map(([topic, problem]) => rejection(topic, problem)),
    }),
  );
}
