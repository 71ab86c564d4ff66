/**
 * What is to be published: bounded, in order, each under a key that makes sending it twice the same as once. It belongs
 * to the client and not to a socket.
 */
import { MAX_IDEMPOTENCY_KEY_LENGTH } from '../protocol/limits.ts';
import type { ServerFrame } from '../protocol/wire.ts';
import { Allowance } from './allowance.ts';
import { draw } from './back-off.ts';
import type { Environment } from './environment.ts';
import { refused, SignalboxError } from './errors.ts';
import type { Link } from './link.ts';
import type {
  PublishOptions,
  QueueEntry,
  QueueOptions,
  QueueStats,
  QueueView,
  Receipt,
  SavedEntry,
} from './publishing.ts';

export interface QueuePorts {
  readonly environment: Environment;
  readonly keyPrefix: string;
  readonly options: QueueOptions;
  /** The connection, when it can be written to. */
  readonly link: () => Link | null;
  readonly serverTime: () => number;
  /** An entry is new, was sent for the first time, or is gone. */
  changed(key: string, saved: SavedEntry | null): void;
}

type Settled = (error: SignalboxError | null, receipt?: Receipt) => void;

interface Entry {
  readonly owner: string;
  readonly key: string;
  readonly type: 'Broadcast' | 'DirectMessage';
  readonly to: string;
  readonly payload: string;
  readonly isStrict: boolean;
  readonly createdAt: number;
  firstSentAt: number | null;
  /** By the monotonic clock: after it nothing more is tried. */
  windowEnd: number;
  deadline: number;
  /** On which it is under way. */
  link: Link | null;
  /** Both by the monotonic clock. */
  sentAt: number;
  notBefore: number;
  /** How often it was to come later. */
  refusals: number;
  error: SignalboxError | undefined;
  settle: Settled;
  unlisten: () => void;
}

/** A repeat must come well before the server has forgotten the key. */
const WINDOW_MARGIN_MS = 60_000;
const WINDOW_MS = 300_000;
const DAY_MS = 86_400_000;
/** Failed ones that are kept for the application to look at; the oldest give way. */
const MAX_FAILED = 100;
/** Keys of the application's own that are remembered, so that it knows its own messages. */
const MAX_OWN_KEYS = 1_000;

export class PublishQueue implements QueueView {
  readonly #waiting = new Map<string, Entry>();
  readonly #failed = new Map<string, Entry>();
  readonly #ownKeys = new Set<string>();
  readonly #ports: QueuePorts;
  readonly #allowance: Allowance;
  #bytes = 0;
  /** Something waits for its turn. */
  #hasUnsent = false;
  #lastKey = 0;
  #windowMs = WINDOW_MS;
  #maxSize = Infinity;
  #cancelTimer: () => void = () => {};
  #emptied: (() => void)[] = [];

  constructor(ports: QueuePorts) {
    this.#ports = ports;
    this.#allowance = new Allowance(ports.environment);
  }

  /** `settle` is told exactly once. */
  publish(type: Entry['type'], to: string, value: unknown, options: PublishOptions, settle: Settled): void {
    const { environment, keyPrefix, link, serverTime } = this.#ports;
    this.#lastKey += 1;
    const key = options.key ?? `${keyPrefix}${this.#lastKey}`;
    const payload = textOf(value);
    const problem =
      payload instanceof SignalboxError ? payload : this.#problem(key, to, payload, options, link() !== null);
    if (problem !== null || payload instanceof SignalboxError) return settle(problem);
    if (options.key !== undefined) this.#own(key);
    const { deadlineMs = Infinity, signal, order } = options;
    const now = environment.elapsed();
    const entry: Entry = {
      owner: keyPrefix,
      key,
      type,
      to,
      payload,
      isStrict: order === 'strict',
      createdAt: serverTime(),
      firstSentAt: null,
      windowEnd: now + (this.#ports.options.maxAgeMs ?? DAY_MS),
      deadline: now + deadlineMs,
      link: null,
      sentAt: 0,
      notBefore: 0,
      refusals: 0,
      error: undefined,
      settle,
      unlisten: () => {},
    };
    if (signal !== undefined) {
      const abort = (): void => this.#giveUp(entry, 'aborted', 'the publish was aborted');
      signal.addEventListener('abort', abort);
      entry.unlisten = () => signal.removeEventListener('abort', abort);
    }
    this.#add(entry);
    this.#ports.changed(key, savedOf(entry));
    this.pump();
  }

  /** What another life of this page has left. */
  adopt(saved: readonly SavedEntry[]): void {
    const now = this.#ports.environment.elapsed();
    const { maxAgeMs = DAY_MS } = this.#ports.options;
    for (const each of saved) {
      if (this.#waiting.has(each.key)) continue;
      this.#own(each.key);
      const age = this.#ports.serverTime() - (each.firstSentAt ?? each.createdAt);
      const windowEnd = now + (each.firstSentAt === null ? maxAgeMs : this.#windowMs - WINDOW_MARGIN_MS) - age;
      const fixed = { deadline: Infinity, link: null, sentAt: 0, notBefore: 0, refusals: 0, error: undefined };
      this.#add({ ...each, ...fixed, windowEnd, settle: () => {}, unlisten: () => {} });
    }
    this.pump();
  }

  isMine(key: string): boolean {
    return key.startsWith(this.#ports.keyPrefix) || this.#ownKeys.has(key);
  }

  greeted(maxSize: number, windowMs = WINDOW_MS, perSecond = Infinity, burst = Infinity): void {
    this.#maxSize = maxSize;
    this.#windowMs = windowMs;
    this.#allowance.is(perSecond, burst);
    this.pump();
  }

  /** Sends what is due, in order. */
  pump(): void {
    this.#expire();
    const link = this.#ports.link();
    const now = this.#ports.environment.elapsed();
    let next = Infinity;
    // One that waits holds up the later ones of its topic, or they would change places.
    const held = new Set<string>();
    const busy = new Set<string>();
    for (const entry of this.#waiting.values()) {
      const target = entry.type + entry.to;
      if (link !== null && entry.link === null && !held.has(target) && !(entry.isStrict && busy.has(target))) {
        const due = Math.max(entry.notBefore, now + this.#allowance.waitMs(entry.payload.length));
        if (due > now) next = Math.min(next, due);
        else if (!this.#send(entry, link, now)) continue;
      }
      if (entry.link === null || entry.isStrict) held.add(target);
      busy.add(target);
      next = Math.min(next, entry.windowEnd, entry.deadline);
    }
    this.#hasUnsent = held.size > 0;
    this.#cancelTimer();
    this.#cancelTimer = () => {};
    if (next === Infinity) return;
    const { environment } = this.#ports;
    this.#cancelTimer = environment.after(Math.max(0, next - now), () => {
      // A page that was frozen may have the answers in its next turn: they come before what is overdue is given up.
      this.#cancelTimer = environment.after(0, () => this.pump());
    });
  }

  /** @returns whether it answered a publish */
  answered(frame: ServerFrame): boolean {
    const entry = this.#waiting.get(frame.reply_to ?? '');
    if (entry === undefined) return false;
    const { data, type } = frame;
    if (type === 'Ack') {
      const { id = '', topic, sequence, epoch, recipients } = data;
      const duplicate = data.status === 'duplicate';
      this.#remove(entry);
      entry.settle(null, { key: entry.key, id, topic, sequence, epoch, duplicate, recipients });
      if (!this.#hasUnsent && this.#waiting.size > 0) return true;
    } else {
      const error = refused(data);
      if (error.temporary) this.#again(entry, error.retryAfterMs ?? 0);
      else this.#fail(entry, error);
    }
    this.pump();
    return true;
  }

  /** What was under way so long ago and is not answered has perhaps not been read; the key makes sending it again harmless. */
  unread(link: Link, before: number): void {
    for (const entry of this.#waiting.values())
      if (entry.link === link && entry.sentAt <= before) this.#again(entry, 0);
    this.pump();
  }

  lost(link: Link): void {
    for (const entry of this.#waiting.values()) if (entry.link === link) entry.link = null;
    this.pump();
  }

  /** Entries that another user has left are nobody's; those of this client are stored anew. */
  disown(): void {
    for (const entry of this.#waiting.values())
      if (entry.owner === this.#ports.keyPrefix) this.#ports.changed(entry.key, savedOf(entry));
      else this.#remove(entry);
  }

  /** Told when nothing waits any more. */
  whenEmpty(done: () => void): void {
    if (this.#waiting.size === 0) done();
    else this.#emptied.push(done);
  }

  close(reason: 'closed' | 'signed_out'): void {
    for (const entry of this.#waiting.values()) this.#giveUp(entry, reason, 'the client was closed', true);
    this.#cancelTimer();
  }

  stats(): QueueStats {
    const [first] = this.#waiting.values();
    const oldestMs = first === undefined ? 0 : Math.max(0, this.#ports.serverTime() - first.createdAt);
    return { messages: this.#waiting.size, bytes: this.#bytes, failed: this.#failed.size, oldestMs };
  }

  entries(): readonly QueueEntry[] {
    return [...this.#waiting.values(), ...this.#failed.values()].map((entry) => ({
      ...savedOf(entry),
      state: entry.error === undefined ? (entry.link === null ? 'waiting' : 'sent') : 'failed',
      error: entry.error,
    }));
  }

  retry(key: string): boolean {
    const entry = this.#failed.get(key);
    if (entry === undefined) return false;
    this.#failed.delete(key);
    entry.error = undefined;
    entry.firstSentAt = null;
    entry.deadline = Infinity;
    entry.windowEnd = this.#ports.environment.elapsed() + (this.#ports.options.maxAgeMs ?? DAY_MS);
    // Its promise has been settled.
    entry.settle = () => {};
    this.#add(entry);
    this.pump();
    return true;
  }

  clear(): void {
    for (const key of this.#failed.keys()) this.#ports.changed(key, null);
    this.#failed.clear();
  }

  #problem(
    key: string,
    to: unknown,
    payload: string,
    options: PublishOptions,
    isOnline: boolean,
  ): SignalboxError | null {
    const { maxMessages = 1_000, maxBytes = 1_048_576 } = this.#ports.options;
    // No text has no length. Half a character comes back as another one.
    const isKey = key.length <= MAX_IDEMPOTENCY_KEY_LENGTH && /^[^\ud800-\udfff]+$/u.test(key);
    if (!isKey || Number.isNaN(options.deadlineMs))
      return new SignalboxError(
        'invalid_field',
        `expected a key of 1 to ${MAX_IDEMPOTENCY_KEY_LENGTH} characters, and a deadline that is a number`,
      );
    if (typeof to !== 'string')
      return new SignalboxError('invalid_field', `expected a topic or a user, got ${typeof to}`);
    if (this.#waiting.has(key)) return new SignalboxError('idempotency_conflict', `the key ${key} is under way`);
    if (options.signal?.aborted === true) return new SignalboxError('aborted', 'the publish was aborted');
    if (options.whenOffline === 'reject' && !isOnline)
      return new SignalboxError('offline', 'there is no connection', { temporary: true });
    if (this.#waiting.size >= maxMessages || this.#bytes + payload.length > maxBytes)
      return new SignalboxError(
        'queue_full',
        `expected at most ${maxMessages} messages and ${maxBytes} bytes to wait: wait for publishes to settle`,
        { temporary: true },
      );
    return null;
  }

  #own(key: string): void {
    this.#ownKeys.add(key);
    for (const oldest of this.#ownKeys) {
      if (this.#ownKeys.size <= MAX_OWN_KEYS) return;
      this.#ownKeys.delete(oldest);
    }
  }

  #add(entry: Entry): void {
    this.#waiting.set(entry.key, entry);
    this.#bytes += entry.payload.length;
  }

  #again(entry: Entry, atLeast: number): void {
    const { environment } = this.#ports;
    entry.link = null;
    entry.notBefore = environment.elapsed() + atLeast + draw(() => environment.random(), entry.refusals);
    entry.refusals += 1;
  }

  /** @returns `false` when it can never be sent */
  #send(entry: Entry, link: Link, now: number): boolean {
    entry.link = link;
    entry.sentAt = now;
    this.#allowance.take(entry.payload.length);
    if (entry.firstSentAt === null) {
      entry.firstSentAt = this.#ports.serverTime();
      entry.windowEnd = now + this.#windowMs - WINDOW_MARGIN_MS;
      this.#ports.changed(entry.key, savedOf(entry));
    }
    const problem = link.publish({ type: entry.type, id: entry.key, to: entry.to, payload: entry.payload });
    if (problem === null) return true;
    this.#fail(entry, new SignalboxError(problem, `expected a frame of at most ${this.#maxSize} bytes`));
    return false;
  }

  #expire(): void {
    const now = this.#ports.environment.elapsed();
    for (const entry of this.#waiting.values())
      if (Math.min(entry.deadline, entry.windowEnd) <= now)
        this.#giveUp(entry, 'deadline', 'the publish was not settled in time');
  }

  /** A publish that was never sent has not happened; of one that was sent nobody knows. */
  #giveUp(
    entry: Entry,
    reason: 'aborted' | 'deadline' | 'closed' | 'signed_out',
    message: string,
    isKept = false,
  ): void {
    if (!this.#waiting.has(entry.key)) return;
    const isUnknown = entry.firstSentAt !== null;
    const error = isUnknown
      ? new SignalboxError('outcome_unknown', `${message}; it was sent and may have been stored`, {
          details: { key: entry.key, firstSentAt: entry.firstSentAt },
        })
      : new SignalboxError(reason, message);
    if (reason === 'deadline') this.#fail(entry, error);
    else {
      // A client that is closed comes back with what it has stored.
      this.#remove(entry, isKept && reason === 'closed');
      entry.settle(error);
    }
  }

  #fail(entry: Entry, error: SignalboxError): void {
    this.#remove(entry, true);
    entry.error = error;
    this.#failed.set(entry.key, entry);
    for (const [oldest] of this.#failed) {
      if (this.#failed.size <= MAX_FAILED) break;
      this.#failed.delete(oldest);
      this.#ports.changed(oldest, null);
    }
    entry.settle(error);
  }

  #remove(entry: Entry, isKept = false): void {
    this.#waiting.delete(entry.key);
    this.#bytes -= entry.payload.length;
    entry.link = null;
    entry.unlisten();
    if (!isKept) this.#ports.changed(entry.key, null);
    if (this.#waiting.size > 0) return;
    for (const done of this.#emptied.splice(0)) done();
  }
}

function savedOf({ owner, key, type, to, payload, isStrict, createdAt, firstSentAt }: SavedEntry): SavedEntry {
  return { owner, key, type, to, payload, isStrict, createdAt, firstSentAt };
}

/** Written down at once: what the application does to the object afterwards is not published. */
function textOf(value: unknown): string | SignalboxError {
  try {
    const text = JSON.stringify(value) as string | undefined;
    if (text !== undefined) return text;
  } catch (cause) {
    return new SignalboxError('not_serialisable', `expected a JSON value: ${String(cause)}`, { cause });
  }
  return new SignalboxError('not_serialisable', `expected a JSON value, got ${typeof value}`);
}
