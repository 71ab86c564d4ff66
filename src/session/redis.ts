/** Sessions in Redis: any node can take up what another one remembered. */
import { refusal, type Refusal } from '../protocol/errors.ts';
import { isFailure, type Command } from '../redis/command-client.ts';
import type { RedisLink } from '../redis/link.ts';
import type { Scheduler, Timer } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import { readSession } from './session-json.ts';
import type { Session, SessionStore } from './session-store.ts';

/** Writes that a full Redis has refused are tried again after so long. */
const AGAIN_MS = 3_000;
/** Sessions written by one call. */
const WRITE_AT_ONCE = 500;

export class RedisSessionStore implements SessionStore {
  readonly outlivesNode = true;
  readonly renewAfterBeats: number;
  /** Sessions that were not written because Redis was away for too many of them. */
  dropped = 0;
  /** What is to be written, the newest state of each. While Redis is away it waits here, up to a bound. */
  private readonly unsaved = new Map<string, Session>();
  private isScheduled = false;
  private again: Timer | null = null;
  private readonly ttlMs: number;
  private readonly capacity: number;
  private readonly link: RedisLink;
  private readonly scheduler: Scheduler;
  private readonly log: Log;

  /** @param capacity sessions that may wait to be written; beyond, the oldest are dropped and counted */
  constructor(ttlMs: number, capacity: number, link: RedisLink, scheduler: Scheduler, log: Log) {
    this.ttlMs = ttlMs;
    // A connection may last longer than its session would: written again in time, the session stays.
    this.renewAfterBeats = Math.max(1, Math.floor(ttlMs / 3_000));
    this.capacity = capacity;
    this.link = link;
    this.scheduler = scheduler;
    this.log = log;
    link.onAvailable(() => this.schedule());
  }

  /** Sessions that wait to be written. */
  get waiting(): number {
    return this.unsaved.size;
  }

  save(session: Session): void {
    this.unsaved.delete(session.id);
    this.unsaved.set(session.id, session);
    if (this.unsaved.size > this.capacity) {
      this.unsaved.delete(this.unsaved.keys().next().value as string);
      this.dropped += 1;
    }
    this.schedule();
  }

  load(id: string, reply: (answer: Session | null | Refusal) => void): void {
    const unsaved = this.unsaved.get(id);
    if (unsaved !== undefined) return reply(unsaved);
    this.link.read([['GET', this.keyOf(id)]], ([result]) => {
      if (isFailure(result))
        return reply(refusal('log_unavailable', `expected Redis to know the session: ${result.message}`, 1_000));
      reply(typeof result === 'string' ? this.parse(id, result) : null);
    });
  }

  /** Resolves when everything is written, or when it cannot be. */
  async flush(): Promise<void> {
    let isTaken = true;
    // A Redis that is full refuses them: a node that ends does not wait for room.
    while (isTaken && this.unsaved.size > 0 && this.link.isAvailable)
      isTaken = await new Promise<boolean>((resolve) => this.write(resolve));
  }

  private keyOf(id: string): string {
    return this.link.keys.key('session', '', id);
  }

  private schedule(): void {
    if (this.isScheduled || this.unsaved.size === 0 || !this.link.isAvailable) return;
    this.isScheduled = true;
    this.scheduler.endOfTurn(() => {
      this.isScheduled = false;
      this.write();
    });
  }

  private tryAgain(): void {
    this.again = null;
    this.schedule();
  }

  /** @param written told whether Redis took them */
  private write(written: (isTaken: boolean) => void = () => {}): void {
    const sessions = [...this.unsaved.values()].slice(0, WRITE_AT_ONCE);
    const commands = sessions.map((session): Command => [
      'SET',
      this.keyOf(session.id),
      JSON.stringify(session),
      'PX',
      this.ttlMs,
    ]);
    this.link.write(commands, (results) => {
      let isStopped = false;
      for (const [at, session] of sessions.entries()) {
        if (isFailure(results[at])) isStopped = true;
        else if (this.unsaved.get(session.id) === session) this.unsaved.delete(session.id);
      }
      // After a failure the next save, the link's return or some time tries again; writing a session twice does no harm.
      if (!isStopped) this.schedule();
      else this.again ??= this.scheduler.after(AGAIN_MS, () => this.tryAgain());
      written(!isStopped);
    });
  }

  private parse(id: string, text: string): Session | null {
    try {
      return readSession(JSON.parse(text));
    } catch (error) {
      this.log.warn('Stored session is not readable', { session_id: id, error: String(error) });
      return null;
    }
  }
}
