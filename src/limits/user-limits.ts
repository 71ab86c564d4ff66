/** What a node counts per user: connections and the rate that all of them share. */
import { levelOf, oweTokens, takeTokens, waitFor, type FullAt, type Level, type Rate } from './token-bucket.ts';

/** One user's state, shared by all connections of the user on this node. */
export interface UserUsage {
  connections: number;
  fullAt: FullAt;
  /** The bucket of new connections, apart from that of frames. */
  arrivals: FullAt;
}

export class UserLimits {
  private readonly users = new Map<string, UserUsage>();
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
    return this.users.size;
  }

  /** Counts a connection in, or answers `null` when the user has as many as allowed. */
  enter(user: string): UserUsage | null {
    const usage = this.users.get(user);
    if (usage === undefined) {
      const first = { connections: 1, fullAt: 0, arrivals: 0 };
      this.users.set(user, first);
      return first;
    }
    if (usage.connections >= this.maxConnections) return null;
    usage.connections += 1;
    return usage;
  }

  /** The state of a user who asks by HTTP, with or without connections. It is forgotten like that of one who left. */
  visit(user: string): UserUsage {
    const known = this.users.get(user);
    if (known !== undefined) return known;
    const first = { connections: 0, fullAt: 0, arrivals: 0 };
    this.users.set(user, first);
    return first;
  }

  /** Counts a connection out. The bucket stays until it is full, so that reconnecting does not refill it. */
  leave(user: string, now: number): void {
    const usage = this.users.get(user);
    if (usage === undefined) return;
    usage.connections -= 1;
    if (isForgettable(usage, now)) this.users.delete(user);
  }

  /** Forgets the users without connections whose buckets are full again. */
  sweep(now: number): void {
    for (const [user, usage] of this.users) if (isForgettable(usage, now)) this.users.delete(user);
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
    return true;
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
}

function isForgettable({ connections, fullAt, arrivals }: UserUsage, now: number): boolean {
  return connections === 0 && fullAt <= now && arrivals <= now;
}
