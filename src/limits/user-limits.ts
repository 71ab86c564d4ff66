/** What a node counts per user: connections and the rate that all of them share. */
import { ONE_TURN, Round, type Remainder } from '../telemetry/round.ts';
import { levelOf, oweTokens, takeTokens, waitFor, type FullAt, type Level, type Rate } from './token-bucket.ts';

/** A user of a tenant. */
interface User {
  readonly tenant: string;
  readonly user: string;
}

/** One user's state, shared by all connections of the user on this node. */
export interface UserUsage {
  connections: number;
  fullAt: FullAt;
  /** The bucket of new connections, apart from that of frames. */
  arrivals: FullAt;
  /** Tokens that were taken since the user is known: what the user costs. */
  spent: number;
  /** Frames and requests that a rate refused. */
  refused: number;
}

/** A user with the place where it stands. */
interface Known extends User {
  readonly users: Map<string, UserUsage>;
  readonly usage: UserUsage;
}

export class UserLimits {
  /** By tenant, then by user: a key made of both would be one more string for every user. */
  private readonly tenants = new Map<string, Map<string, UserUsage>>();
  private readonly round = new Round<Known>();
  readonly rate: Rate;
  private readonly maxConnections: number;
  private readonly arrivalRate: Rate;

  constructor(rate: Rate, maxConnections: number) {
    this.rate = rate;
    this.maxConnections = maxConnections;
    // All connections of a user may come back at once, twice; only who connects to leave again notices the rate.
    this.arrivalRate = { perSecond: Math.max(10, maxConnections / 2), burst: Math.max(20, maxConnections * 2) };
  }

  /** Users that are remembered: those with connections, and those whose bucket is not full yet. */
  get size(): number {
    let size = 0;
    for (const users of this.tenants.values()) size += users.size;
    return size;
  }

  /** Counts a connection in, or answers `null` when the user has as many as allowed. */
  enter(who: User): UserUsage | null {
    const usage = this.visit(who);
    if (usage.connections > 0 && usage.connections >= this.maxConnections) return null;
    usage.connections += 1;
    return usage;
  }

  /** The state of a user who asks by HTTP, with or without connections. It is forgotten like that of one who left. */
  visit({ tenant, user }: User): UserUsage {
    let users = this.tenants.get(tenant);
    if (users === undefined) this.tenants.set(tenant, (users = new Map()));
    let usage = users.get(user);
    if (usage === undefined)
      users.set(user, (usage = { connections: 0, fullAt: 0, arrivals: 0, spent: 0, refused: 0 }));
    return usage;
  }

  /** Counts a connection out. The bucket stays until it is full, so that reconnecting does not refill it. */
  leave({ tenant, user }: User, now: number): void {
    const users = this.tenants.get(tenant);
    const usage = users?.get(user);
    if (users === undefined || usage === undefined) return;
    usage.connections -= 1;
    if (isForgettable(usage, now)) this.forget(tenant, users, user);
  }

  /** Whether a look at all users goes on in another turn. */
  get isSweeping(): boolean {
    return !this.round.isOver;
  }

  /** Forgets users without connections whose buckets are full again, of as many as one turn has time for. */
  sweep(now: number): Remainder {
    if (this.round.isOver) this.round.begin(this.all(), this.size);
    this.round.next(ONE_TURN, ({ tenant, users, user, usage }) => {
      if (isForgettable(usage, now)) this.forget(tenant, users, user);
    });
    return this.round.isOver ? 'nothing' : 'has_time';
  }

  /** Charges a new connection to its user. @returns whether that many may come */
  arrive(usage: UserUsage, now: number): boolean {
    const next = takeTokens(usage.arrivals, this.arrivalRate, 1, now);
    if (next === -1) return false;
    usage.arrivals = next;
    return true;
  }

  arrivalWait(usage: UserUsage, now: number): number {
    return waitFor(usage.arrivals, this.arrivalRate, 1, now);
  }

  take(usage: UserUsage, cost: number, now: number): boolean {
    const next = takeTokens(usage.fullAt, this.rate, cost, now);
    if (next === -1) return false;
    usage.fullAt = next;
    usage.spent += cost;
    return true;
  }

  /** Every user that is known, for a look at all of them. */
  *each(): Generator<User & { readonly usage: UserUsage }> {
    for (const [tenant, users] of this.tenants) for (const [user, usage] of users) yield { tenant, user, usage };
  }

  /** Takes what is owed for work already done. */
  owe(usage: UserUsage, cost: number, now: number): void {
    usage.fullAt = oweTokens(usage.fullAt, this.rate, cost, now);
  }

  wait(usage: UserUsage, cost: number, now: number): number {
    return waitFor(usage.fullAt, this.rate, cost, now);
  }

  level(usage: UserUsage, now: number): Level {
    return levelOf(usage.fullAt, this.rate, now);
  }

  private *all(): Generator<Known> {
    for (const [tenant, users] of this.tenants) for (const [user, usage] of users) yield { tenant, users, user, usage };
  }

  private forget(tenant: string, users: Map<string, UserUsage>, user: string): void {
    users.delete(user);
    if (users.size === 0) this.tenants.delete(tenant);
  }
}

function isForgettable({ connections, fullAt, arrivals }: UserUsage, now: number): boolean {
  return connections === 0 && fullAt <= now && arrivals <= now;
}
