/** `signalbox/client/presence`: the members of a topic. docs/client.md, "Who is there"; what is promised: docs/presence.md. */
import { draw } from '../back-off.ts';
import type { Client } from '../client.ts';
import type { WireError } from '../../protocol/wire.ts';
import { isSignalboxError, refused, type SignalboxError } from '../errors.ts';
import type { Item } from '../items.ts';
import { Attendance } from './attendance.ts';
import { Members, type Change, type Member, type Page } from './members.ts';

export type { Change, LeaveReason, Member } from './members.ts';

export interface PresenceSnapshot {
  /** Everybody who is there; empty while only the number is known. */
  readonly members: readonly Member[];
  readonly count: number;
  /** `loading` and `stale`: the members are being read; `counting`: there are so many that only their number is told. */
  readonly status: 'loading' | 'live' | 'stale' | 'counting' | 'refused';
  readonly error: SignalboxError | undefined;
}

export interface Presence {
  /** Reads as long as somebody listens. @returns what ends it */
  subscribe(listener: () => void): () => void;
  /** The same object until something changes. */
  getSnapshot(): PresenceSnapshot;
  /** Told of single changes, for "Ada has joined". @returns what ends it */
  onChange(listener: (change: Change) => void): () => void;
  /** Is there, and is again on every new connection, until `leave`. */
  enter(data?: Member['data']): Promise<void>;
  update(data: Member['data']): Promise<void>;
  leave(): Promise<void>;
  /** Is there until it is let go, a second later; for components. */
  hold(data: Member['data'], failed: (error: unknown) => void): () => void;
  /** Asks for the number alone, once. */
  count(): Promise<number>;
}

const PAGE = 500;
const NOBODY: PresenceSnapshot = { members: [], count: 0, status: 'loading', error: undefined };

/** The presence of a topic: the same object for the same client and name. */
export function presenceOf(client: Client, topic: string): Presence {
  const key = `presence ${topic}`;
  const known = client.shared.get(key) as Presence | undefined;
  if (known !== undefined) return known;
  const made = new TopicPresence(client, topic);
  client.shared.set(key, made);
  return made;
}

class TopicPresence implements Presence {
  readonly #client: Client;
  readonly #topic: string;
  readonly #attendance: Attendance;
  readonly #listeners = new Set<() => void>();
  readonly #watchers = new Set<(change: Change) => void>();
  #members = new Members();
  #snapshot = NOBODY;
  #stop: (() => void) | null = null;
  /** Grows whenever reading begins or ends: what was asked before is of no interest then. */
  #generation = 0;
  #cancelWait: () => void = () => {};

  constructor(client: Client, topic: string) {
    this.#client = client;
    this.#topic = topic;
    this.#attendance = new Attendance(client, topic);
  }

  subscribe(listener: () => void): () => void {
    return this.#listen(this.#listeners, () => listener());
  }

  onChange(listener: (change: Change) => void): () => void {
    return this.#listen(this.#watchers, (change) => listener(change));
  }

  getSnapshot(): PresenceSnapshot {
    return this.#snapshot;
  }

  // To be there with `null` would be not to be there.
  enter(data?: Member['data'] | null): Promise<void> {
    return this.#attendance.enter(data ?? {});
  }

  update(data: Member['data']): Promise<void> {
    return this.#attendance.update(data);
  }

  leave(): Promise<void> {
    return this.#attendance.leave();
  }

  hold(data: Member['data'], failed: (error: unknown) => void): () => void {
    return this.#attendance.hold(data, failed);
  }

  async count(): Promise<number> {
    const { counts, rejected } = (await this.#client.request('PresenceGet', { topics: [this.#topic] })) as {
      readonly counts: Readonly<Record<string, number>>;
      readonly rejected: readonly WireError[];
    };
    const [refusal] = rejected;
    if (refusal !== undefined) throw refused(refusal);
    return counts[this.#topic] ?? 0;
  }

  #listen<L>(listeners: Set<L>, listener: L): () => void {
    listeners.add(listener);
    if (this.#stop === null) {
      this.#generation += 1;
      this.#stop = this.#read();
    }
    return () => {
      if (!listeners.delete(listener) || this.#listeners.size + this.#watchers.size > 0) return;
      this.#stop?.();
      this.#stop = null;
      this.#generation += 1;
      this.#cancelWait();
      this.#snapshot = NOBODY;
    };
  }

  /** The topic of changes first, then the pages, then the changes that came meanwhile: its handler is waited for. */
  #read(): () => void {
    const handler = (item: Item): unknown => {
      if (item.kind === 'message') return this.#take(item);
      if (item.kind === 'gap') this.#become({ ...this.#snapshot, status: 'stale' });
      else if (this.#snapshot.status === 'live' || this.#snapshot.status === 'counting') return undefined;
      return this.#load();
    };
    const error = (problem: SignalboxError): void => {
      // A listener's fault is the client's to tell, and no refusal.
      if (problem.reason === 'handler_failed') throw problem;
      this.#become({ ...NOBODY, status: 'refused', error: problem });
    };
    return this.#client
      .topic<unknown>(`@presence.${this.#topic}`)
      .on({ message: handler, gap: handler, live: handler, error }, { since: 'live' });
  }

  #take(item: Extract<Item, { readonly kind: 'message' }>): unknown {
    const changes = this.#members.take(item);
    if (changes === null) return this.#load();
    this.#show();
    for (const change of changes) each(this.#watchers, (watcher) => watcher(change));
    return undefined;
  }

  async #load(): Promise<void> {
    const generation = this.#generation;
    for (let refusals = 0; ; refusals += 1) {
      try {
        const pages = await this.#pages();
        if (this.#generation !== generation) return;
        this.#members.read(pages);
        break;
      } catch (error) {
        if (this.#generation !== generation || !isSignalboxError(error)) return;
        if (!error.temporary && error.reason !== 'outcome_unknown')
          return this.#become({ ...NOBODY, status: 'refused', error });
        await this.#pause(refusals, error.retryAfterMs);
        if (this.#generation !== generation) return;
      }
    }
    this.#show();
  }

  async #pages(): Promise<Page[]> {
    const pages: Page[] = [];
    let after: string | undefined;
    do {
      const request = { topic: this.#topic, limit: PAGE, after };
      const page = (await this.#client.request('PresenceGet', request)) as Page;
      pages.push(page);
      after = page.next;
    } while (after !== undefined);
    return pages;
  }

  #pause(refusals: number, atLeast = 0): Promise<void> {
    const { environment } = this.#client;
    return new Promise((resolve) => {
      const cancel = environment.after(atLeast + draw(() => environment.random(), refusals), resolve);
      this.#cancelWait = () => {
        cancel();
        resolve();
      };
    });
  }

  #show(): void {
    const { all, count, isComplete } = this.#members;
    this.#become({ members: all, count, status: isComplete ? 'live' : 'counting', error: undefined });
  }

  #become(snapshot: PresenceSnapshot): void {
    this.#snapshot = snapshot;
    each(this.#listeners, (listener) => listener());
  }
}

/** All of them are told, also when one of them throws. */
function each<L>(listeners: Iterable<L>, tell: (listener: L) => void): void {
  const problems: unknown[] = [];
  for (const listener of listeners)
    try {
      tell(listener);
    } catch (error) {
      problems.push(error);
    }
  if (problems.length > 0) throw problems[0];
}
