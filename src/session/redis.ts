/** Sessions in Redis: any node can take up what another one remembered. */
import { createHash } from 'node:crypto';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { isFailure, type Command } from '../redis/command-client.ts';
import type { RedisLink } from '../redis/link.ts';
import { readScript, type Script } from '../redis/script.ts';
import type { Scheduler, Timer } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';
import { readSession } from './session-json.ts';
import type { Session, SessionStore } from './session-store.ts';

/** Writes that a full Redis has refused are tried again after so long. */
const AGAIN_MS = 3_000;
/** Sessions written by one call. */
const WRITE_AT_ONCE = 500;

export interface RedisSessionOptions {
  readonly ttlMs: number;
  /** Sessions that may wait to be written; beyond, the oldest are dropped and counted. */
  readonly capacity: number;
  /** Sessions of one user in Redis; beyond, the user's oldest leave. */
  readonly perUser: number;
  /** Sessions of one tenant in Redis; beyond, the oldest of its user who has the most leave. */
  readonly perTenant: number;
}

export class RedisSessionStore implements SessionStore {
  readonly outlivesNode = true;
  readonly renewAfterBeats: number;
  /** Sessions that were not written because Redis was away for too many of them. */
  dropped = 0;
  /** What is to be written, the newest state of each. While Redis is away it waits here, up to a bound. */
  private readonly unsaved = new Map<string, Session>();
  private isScheduled = false;
  private again: Timer | null = null;
  private readonly options: RedisSessionOptions;
  private readonly link: RedisLink;
  private readonly counting: Script;
  private readonly scheduler: Scheduler;
  private readonly log: Log;

  /** Before the link starts. */
  constructor(options: RedisSessionOptions, link: RedisLink, scheduler: Scheduler, log: Log) {
    this.options = options;
    // A connection may last longer than its session would: written again in time, the session stays.
    this.renewAfterBeats = Math.max(1, Math.floor(options.ttlMs / 3_000));
    this.link = link;
    this.scheduler = scheduler;
    this.log = log;
    this.counting = readScript(true, new URL('./lua/count.lua', import.meta.url));
    link.useScripts(this.counting);
    link.onAvailable(() => this.schedule());
  }

  /** Sessions that wait to be written. */
  get waiting(): number {
    return this.unsaved.size;
  }

  save(session: Session): void {
    this.unsaved.delete(session.id);
    this.unsaved.set(session.id, session);
    if (this.unsaved.size > this.options.capacity) {
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
    const commands = sessions.flatMap((session): Command[] => [this.setCommand(session), this.countCommand(session)]);
    this.link.write(commands, (results) => {
      let isStopped = false;
      const leaving: string[] = [];
      for (const [at, session] of sessions.entries()) {
        const [stored, ids] = [results[at * 2], results[at * 2 + 1]];
        if (isFailure(stored) || isFailure(ids)) isStopped = true;
        else if (this.unsaved.get(session.id) === session) this.unsaved.delete(session.id);
        if (!isFailure(ids)) leaving.push(...(ids as string[]));
      }
      // Each by itself: they are in slots of their own. A session that is not deleted now ends with its time.
      if (leaving.length > 0)
        this.link.write(
          leaving.map((id): Command => ['DEL', this.keyOf(id)]),
          () => {},
        );
      // After a failure the next save, the link's return or some time tries again; writing a session twice does no harm.
      if (!isStopped) this.schedule();
      else this.again ??= this.scheduler.after(AGAIN_MS, () => this.tryAgain());
      written(!isStopped);
    });
  }

  private setCommand(session: Session): Command {
    return ['SET', this.keyOf(session.id), JSON.stringify(session), 'PX', this.options.ttlMs];
  }

  private countCommand({ id, tenant, user, savedAt }: Session): Command {
    const { ttlMs, perUser, perTenant } = this.options;
    // User ids hold every character, also those that mean something in keys.
    const name = createHash('sha256').update(user).digest('base64url');
    const { keys } = this.link;
    // Those without a tenant are all users of most services, which have no bound together.
    const base = tenant === '' ? [] : [keys.key('sessions', tenant, '')];
    const books = base.length === 0 ? [keys.key('sessions', '', name)] : [`${base[0]}:of:${name}`, ...base];
    return ['EVALSHA', this.counting.digest, books.length, ...books, id, name, savedAt, ttlMs, perUser, perTenant];
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
