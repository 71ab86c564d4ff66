/** Sessions in the node's memory, as many as a bound allows, each for a while. */
import type { Clock } from '../telemetry/clock.ts';
import type { Session, SessionStore } from './session-store.ts';

export class MemorySessionStore implements SessionStore {
  readonly outlivesNode = false;
  readonly renewAfterBeats = 0;
  // Insertion order is order of expiry: every session lives equally long and is set anew when saved again.
  private readonly sessions = new Map<string, { readonly session: Session; readonly expires: number }>();
  private readonly ttlMs: number;
  private readonly capacity: number;
  private readonly clock: Clock;

  constructor(ttlMs: number, capacity: number, clock: Clock) {
    this.ttlMs = ttlMs;
    this.capacity = capacity;
    this.clock = clock;
  }

  get size(): number {
    return this.sessions.size;
  }

  save(session: Session): void {
    this.sessions.delete(session.id);
    this.sessions.set(session.id, { session, expires: this.clock.elapsed() + this.ttlMs });
    if (this.sessions.size > this.capacity) this.sessions.delete(this.sessions.keys().next().value as string);
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
      this.sessions.delete(id);
    }
  }
}
