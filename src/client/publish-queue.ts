/**
 * What is to be published: bounded, in order, each under a key that makes sending it twice the same as once. It belongs
 * to the client and not to a socket.
 */
import { MAX_IDEMPOTENCY_KEY_LENGTH } from '../protocol/limits.ts';
import type { ConnectedDetails, ServerFrame } from '../protocol/wire.ts';
import { Allowance } from './allowance.ts';
import { draw } from './back-off.ts';
import { refused, SignalboxError, type ErrorReason } from './errors.ts';
import type { Link } from './link.ts';
import { putNewest } from './oldest.ts';
import type { Publishes, QueuePorts } from './publish-ports.ts';
import type { PublishOptions, QueueOptions, Receipt, SavedEntry } from './publishing.ts';
import { entryOf, type Entry, type Settled } from './queue-entry.ts';

/** A repeat must come well before the server has forgotten the key. */
const WINDOW_MARGIN_MS = 60_000;
const WINDOW_MS = 300_000;
const DAY_MS = 86_400_000;
/** Failed ones that are kept for the application to look at; the oldest give way. */
const MAX_FAILED = 100;
/** Keys of the application's own that are remembered, so that it knows its own messages. */
const MAX_OWN_KEYS = 1_000;

export class PublishQueue implements Publishes {
  readonly waiting = new Map<string, Entry>();
  readonly failed = new Map<string, Entry>();
  bytes = 0;
  readonly #ownKeys = new Map<string, true>();
  readonly #ports: QueuePorts;
  readonly #options: Required<QueueOptions>;
  readonly #allowance = new Allowance();
  /** Something waits for its turn. */
  #hasUnsent = false;
  #lastKey = 0;
  #windowMs = WINDOW_MS - WINDOW_MARGIN_MS;
  #maxSize = Infinity;
  #cancelTimer: () => void = () => {};

  constructor(ports: QueuePorts) {
    this.#ports = ports;
    const { maxMessages = 1_000, maxBytes = 1_048_576, maxAgeMs = DAY_MS } = ports.options ?? {};
    this.#options = { maxMessages, maxBytes, maxAgeMs };
  }

  /** `settle` is told exactly once. */
  publish(type: SavedEntry['type'], to: string, value: unknown, options: PublishOptions, settle: Settled): void {
    const { keyPrefix: owner, serverTime } = this.#ports;
    this.#lastKey += 1;
    const { key = `${owner}${this.#lastKey}`, deadlineMs = Infinity, signal, order } = options;
    let payload: string | undefined;
    let cause: unknown = typeof value;
    try {
      // Written down at once: what the application does to the object afterwards is not published.
      payload = JSON.stringify(value) as string | undefined;
    } catch (error) {
      cause = error;
    }
    if (payload === undefined)
      return settle(new SignalboxError('not_serialisable', `expected a JSON value, got ${String(cause)}`, { cause }));
    const problem = this.#problem(key, to, payload.length, options);
    if (problem !== null) return settle(problem);
    if (options.key !== undefined) this.#own(key);
    const isStrict = order === 'strict';
    const saved: SavedEntry = { owner, key, type, to, payload, isStrict, createdAt: serverTime(), firstSentAt: null };
    const entry = this.add(saved, this.#options.maxAgeMs, deadlineMs, settle);
    if (signal !== undefined) {
      const abort = (): void => this.#giveUp(entry, 'aborted', ABORTED);
      signal.addEventListener('abort', abort);
      entry.unlisten = () => signal.removeEventListener('abort', abort);
    }
    this.#ports.changed(key, saved);
    this.pump();
  }

  promise(
    type: SavedEntry['type'],
    to: string,
    value: unknown,
    options: PublishOptions | undefined,
    closed: SignalboxError | null,
  ): Promise<Receipt> {
    const promise = new Promise<Receipt>((resolve, reject) => {
      if (closed !== null) return reject(closed);
      this.publish(type, to, value, options ?? {}, (error, receipt) =>
        receipt === undefined ? reject(error ?? undefined) : resolve(receipt),
      );
    });
    // A caller that does not wait for it finds the failed entry in the queue; it must not end a program.
    promise.catch(() => {});
    return promise;
  }

  /** What another life of this page has left. */
  adopt(queue: readonly SavedEntry[]): void {
    const { serverTime } = this.#ports;
    for (const saved of queue) {
      const { key, createdAt, firstSentAt } = saved;
      if (this.waiting.has(key)) continue;
      this.#own(key);
      const left = (firstSentAt === null ? this.#options.maxAgeMs : this.#windowMs) + (firstSentAt ?? createdAt);
      this.add(saved, left - serverTime());
    }
    this.pump();
  }

  /** @param leftMs in which it may be sent */
  add(saved: SavedEntry, leftMs = this.#options.maxAgeMs, deadlineMs = Infinity, settle: Settled = () => {}): Entry {
    const now = this.#now();
    const entry = entryOf(saved, now + leftMs, now + deadlineMs, settle);
    this.waiting.set(saved.key, entry);
    this.bytes += saved.payload.length;
    return entry;
  }

  isMine(key: string): boolean {
    return key.startsWith(this.#ports.keyPrefix) || this.#ownKeys.has(key);
  }

  greeted({ limits, max_message_size: maxSize }: ConnectedDetails): void {
    this.#maxSize = maxSize;
    this.#windowMs = (limits.idempotency_window_ms ?? WINDOW_MS) - WINDOW_MARGIN_MS;
    this.#allowance.is(limits.connection_rps ?? Infinity, limits.connection_burst ?? 1);
    this.pump();
  }

  /** Sends what is due, in order. */
  pump(): void {
    const link = this.#ports.link();
    const now = this.#now();
    let next = Infinity;
    // One that waits holds up the later ones of its topic, or they would change places.
    const held = new Set<string>();
    const busy = new Set<string>();
    for (const entry of this.waiting.values())
      if (Math.min(entry.deadline, entry.windowEnd) <= now)
        this.#giveUp(entry, 'deadline', 'the publish was not settled in time');
    for (const entry of this.waiting.values()) {
      const { type, to, isStrict, payload } = entry.saved;
      const target = type + to;
      if (link !== null && entry.link === null && !held.has(target) && !(isStrict && busy.has(target))) {
        const due = Math.max(entry.notBefore, this.#allowance.dueAt(payload.length, now));
        if (due > now) next = Math.min(next, due);
        else if (!this.#send(entry, link, now)) continue;
      }
      if (entry.link === null || isStrict) held.add(target);
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
  answered({ type, data, reply_to: key = '' }: ServerFrame): boolean {
    const entry = this.waiting.get(key);
    if (entry === undefined) return false;
    if (type === 'Ack') {
      const { id = '', topic, sequence, epoch, recipients } = data;
      this.#remove(entry);
      entry.settle(null, { key, id, topic, sequence, epoch, duplicate: data.status === 'duplicate', recipients });
      if (!this.#hasUnsent && this.waiting.size > 0) return true;
    } else {
      const error = refused(data);
      if (error.temporary) this.#again(entry, error.retryAfterMs);
      else this.#fail(entry, error);
    }
    this.pump();
    return true;
  }

  /** What was under way so long ago and is not answered has perhaps not been read; the key makes sending it again harmless. */
  unread(link: Link, before: number): void {
    for (const entry of this.waiting.values()) if (entry.link === link && entry.sentAt <= before) this.#again(entry);
    this.pump();
  }

  lost(link: Link): void {
    for (const entry of this.waiting.values()) if (entry.link === link) entry.link = null;
    this.pump();
  }

  /** Entries that another user has left are nobody's; those of this client are stored anew. */
  disown(): void {
    for (const entry of this.waiting.values()) {
      const { key, owner } = entry.saved;
      if (owner === this.#ports.keyPrefix) this.#ports.changed(key, entry.saved);
      else this.#remove(entry);
    }
  }

  close(reason: 'closed' | 'signed_out'): void {
    for (const entry of this.waiting.values())
      this.#giveUp(entry, reason, 'the client was closed', reason === 'closed');
    this.#cancelTimer();
  }

  /** Forgets what has failed. */
  clear(): void {
    for (const key of this.failed.keys()) this.#ports.changed(key, null);
    this.failed.clear();
  }

  #now(): number {
    return this.#ports.environment.elapsed();
  }

  #problem(key: string, to: unknown, size: number, options: PublishOptions): SignalboxError | null {
    const { maxMessages, maxBytes } = this.#options;
    const { deadlineMs, signal, whenOffline } = options;
    const refuse = (reason: ErrorReason, message: string, temporary = false): SignalboxError =>
      new SignalboxError(reason, message, { temporary });
    // No text has no length. Half a character comes back as another one.
    const isKey = key.length <= MAX_IDEMPOTENCY_KEY_LENGTH && /^[^\ud800-\udfff]+$/u.test(key);
    if (!isKey || Number.isNaN(deadlineMs))
      return refuse('invalid_field', `expected a key of 1 to ${MAX_IDEMPOTENCY_KEY_LENGTH} characters and a deadline`);
    if (typeof to !== 'string') return refuse('invalid_field', `expected a topic or a user, got ${typeof to}`);
    if (this.waiting.has(key)) return refuse('idempotency_conflict', `the key ${key} is under way`);
    if (signal?.aborted === true) return refuse('aborted', ABORTED);
    if (whenOffline === 'reject' && this.#ports.link() === null)
      return refuse('offline', 'there is no connection', true);
    return this.waiting.size >= maxMessages || this.bytes + size > maxBytes
      ? refuse('queue_full', `expected at most ${maxMessages} messages and ${maxBytes} bytes to wait`, true)
      : null;
  }

  #own(key: string): void {
    putNewest(this.#ownKeys, key, true, MAX_OWN_KEYS);
  }

  #again(entry: Entry, atLeast = 0): void {
    const { environment } = this.#ports;
    entry.link = null;
    entry.notBefore = this.#now() + atLeast + draw(() => environment.random(), entry.refusals);
    entry.refusals += 1;
  }

  /** @returns `false` when it can never be sent */
  #send(entry: Entry, link: Link, now: number): boolean {
    const { saved } = entry;
    entry.link = link;
    entry.sentAt = now;
    this.#allowance.take(saved.payload.length, now);
    if (saved.firstSentAt === null) {
      saved.firstSentAt = this.#ports.serverTime();
      entry.windowEnd = now + this.#windowMs;
      this.#ports.changed(saved.key, saved);
    }
    const problem = link.publish(saved);
    if (problem === null) return true;
    this.#fail(entry, new SignalboxError(problem, `expected a frame of at most ${this.#maxSize} bytes`));
    return false;
  }

  /** A publish that was never sent has not happened; of one that was sent nobody knows. */
  #giveUp(entry: Entry, reason: ErrorReason, message: string, isKept = false): void {
    const { key, firstSentAt } = entry.saved;
    if (!this.waiting.has(key)) return;
    const error =
      firstSentAt === null
        ? new SignalboxError(reason, message)
        : new SignalboxError('outcome_unknown', `${message}; it was sent and may have been stored`, {
            details: { key, firstSentAt },
          });
    if (reason === 'deadline') return this.#fail(entry, error);
    // A client that is closed comes back with what it has stored.
    this.#remove(entry, isKept);
    entry.settle(error);
  }

  #fail(entry: Entry, error: SignalboxError): void {
    this.#remove(entry, true);
    entry.error = error;
    const oldest = putNewest(this.failed, entry.saved.key, entry, MAX_FAILED);
    if (oldest !== undefined) this.#ports.changed(oldest, null);
    entry.settle(error);
  }

  #remove(entry: Entry, isKept = false): void {
    const { key, payload } = entry.saved;
    this.waiting.delete(key);
    this.bytes -= payload.length;
    entry.link = null;
    entry.unlisten();
    if (!isKept) this.#ports.changed(key, null);
  }
}

const ABORTED = 'the publish was aborted';
