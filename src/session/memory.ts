/** Sessions in the node's memory, as many as bounds allow in all, for each tenant and for each user, each for a while. */
import { Ranking } from '../actor/ranking.ts';
import type { Clock } from '../telemetry/clock.ts';
import { leavingAtOnce } from '../telemetry/drop-oldest.ts';
import { ONE_TURN, type Remainder } from '../telemetry/round.ts';
import type { Session, SessionStore } from './session-store.ts';

interface Kept {
  readonly session: Session;
  readonly expires: number;
}

export interface SessionBounds {
  readonly perUser: number;
  /** Of a tenant with a name: those without are all users of most services. */
  readonly perTenant: number;
}

/** The sessions of a tenant with a name: ids, the oldest first, and who has how many. */
interface Tenant {
  readonly ids: Set<string>;
  readonly ranking: Ranking;
}

const NO_BOUNDS: SessionBounds = { perUser: Infinity, perTenant: Infinity };

export class MemorySessionStore implements SessionStore {
  readonly outlivesNode = false;
  readonly renewAfterBeats = 0;
  // Insertion order is order of expiry: every session lives equally long and is set anew when saved again.
  private readonly sessions = new Map<string, Kept>();
  /** Ids of each user's sessions, the oldest first. */
  private readonly byUser = new Map<string, Set<string>>();
  private readonly tenants = new Map<string, Tenant>();
  private readonly ranking = new Ranking();
  private readonly ttlMs: number;
  private readonly capacity: number;
  private readonly bounds: SessionBounds;
  private readonly clock: Clock;

  constructor(ttlMs: number, capacity: number, clock: Clock, bounds = NO_BOUNDS) {
    this.ttlMs = ttlMs;
    this.capacity = capacity;
    this.clock = clock;
    this.bounds = bounds;
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
    const { perUser, perTenant } = this.bounds;
    const tenant = session.tenant === '' ? null : this.tenantOf(session);
    tenant?.ids.add(session.id);
    tenant?.ranking.add(owner);
    if (this.ranking.count(owner) > perUser) this.forgetOldest(owner);
    if (tenant !== null && tenant.ids.size > perTenant) this.forgetOfLargest(tenant.ranking, tenant.ids, perTenant);
    if (this.sessions.size > this.capacity) this.forgetOfLargest(this.ranking, this.sessions.keys(), this.capacity);
  }

  load(id: string, reply: (answer: Session | null) => void): void {
    this.sweep();
    const kept = this.sessions.get(id);
    reply(kept === undefined || kept.expires <= this.clock.elapsed() ? null : kept.session);
  }

  /** Forgets the expired, as many as one turn has time for. */
  sweep(): Remainder {
    const now = this.clock.elapsed();
    let left = ONE_TURN;
    for (const [id, { expires }] of this.sessions) {
      if (expires > now) return 'nothing';
      if (left === 0) return 'has_time';
      left -= 1;
      this.forget(id);
    }
    return 'nothing';
  }

  private tenantOf({ tenant }: Session): Tenant {
    const known = this.tenants.get(tenant);
    if (known !== undefined) return known;
    const made: Tenant = { ids: new Set(), ranking: new Ranking() };
    this.tenants.set(tenant, made);
    return made;
  }

  /** @param ids the oldest first; @param bound that they have gone beyond */
  private forgetOfLargest(ranking: Ranking, ids: Iterable<string>, bound: number): void {
    const largest = ranking.most > 1 ? ranking.first() : null;
    if (largest !== null) return this.forgetOldest(largest);
    // Where nobody has more than one, the oldest of all go.
    let left = leavingAtOnce(bound);
    for (const id of ids) {
      if (left === 0) return;
      left -= 1;
      this.forget(id);
    }
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
    const { tenant } = kept.session;
    if (tenant === '') return;
    const { ids, ranking } = this.tenantOf(kept.session);
    ids.delete(id);
    ranking.remove(owner);
    if (ids.size === 0) this.tenants.delete(tenant);
  }
}

/** Tenants have no slash in their names. */
function ownerOf({ tenant, user }: Session): string {
  return `${tenant}/${user}`;
}
