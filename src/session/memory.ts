/** Sessions in the node's memory, as many as a bound allows in all and for each user, each for a while. */
import { Ranking } from '../actor/ranking.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Session, SessionStore } from './session-store.ts';

interface Kept {
  readonly session: Session;
  readonly expires: number;
}

export class MemorySessionStore implements SessionStore {
  readonly outlivesNode = false;
  readonly renewAfterBeats = 0;
  // Insertion order is order of expiry: every session lives equally long and is set anew when saved again.
  private readonly sessions = new Map<string, Kept>();
  /** Ids of each user's sessions, the oldest first. */
  private readonly byUser = new Map<string, Set<string>>();
  private readonly ranking = new Ranking();
  private readonly ttlMs: number;
  private readonly capacity: number;
  private readonly perUser: number;
  private readonly clock: Clock;

  constructor(ttlMs: number, capacity: number, clock: Clock, perUser = Infinity) {
    this.ttlMs = ttlMs;
    this.capacity = capacity;
    this.clock = clock;
    this.perUser = perUser;
  }

  get size(): number {
    return this.sessions.size;
  }

  /** One session too many goes from those of the user who has the most, the oldest first. */
  save(session: Session): void {
    this.forget(session.id);
    const owner = ownerOf(session);
    this.sessions.set(session.id, { session, expires: this.clock.elapsed() + this.ttlMs });
    const theirs = this.byUser.get(owner);
    if (theirs === undefined) this.byUser.set(owner, new Set([session.id]));
    else theirs.add(session.id);
    this.ranking.add(owner);
    if (this.ranking.count(owner) > this.perUser) this.forgetOldest(owner);
    if (this.sessions.size > this.capacity) this.forgetOfLargest();
  }

  load(id: string, reply: (answer: Session | null) => void): void {
    this.sweep();
    reply(this.sessions.get(id)?.session ?? null);
  }

  /** Forgets the expired. */
  sweep(): void {
    const now = this.clock.elapsed();
    for (const [id, { expires }] of this.sessions) {
      if (expires > now) return;
      this.forget(id);
    }
  }

  private forgetOfLargest(): void {
    const largest = this.ranking.first();
    // Where nobody has more than one, the oldest of all goes.
    if (largest !== null && this.ranking.count(largest) > 1) this.forgetOldest(largest);
    else this.forget(this.sessions.keys().next().value as string);
  }

  private forgetOldest(owner: string): void {
    const [oldest] = this.byUser.get(owner) ?? [];
    if (oldest !== undefined) this.forget(oldest);
  }

  private forget(id: string): void {
    const kept = this.sessions.get(id);
    if (kept === undefined) return;
    this.sessions.delete(id);
    const owner = ownerOf(kept.session);
    const theirs = this.byUser.get(owner);
    theirs?.delete(id);
    if (theirs?.size === 0) this.byUser.delete(owner);
    this.ranking.remove(owner);
  }
}

/** Tenants have no slash in their names. */
function ownerOf({ tenant, user }: Session): string {
  return `${tenant}/${user}`;
}
