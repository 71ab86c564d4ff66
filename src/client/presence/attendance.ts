/** One's own presence in a topic: said once, remembered, and said again on every new connection. */
import { draw } from '../back-off.ts';
import type { Client } from '../client.ts';
import { isSignalboxError, SignalboxError } from '../errors.ts';
import type { Member } from './members.ts';

interface Waiting {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** StrictMode and hot reload let go and take again in the same breath. */
const LINGER_MS = 1_000;

export class Attendance {
  readonly #client: Client;
  readonly #topic: string;
  /** What others are to see; `null`: it is not there. */
  #data: Member['data'] | null = null;
  #hasNews = false;
  #isTelling = false;
  #waitsForConnection = false;
  #waiting: Waiting[] = [];
  #connectionId: string | null = null;
  #unlisten: (() => void) | null = null;
  #holders = 0;
  #cancelLinger: () => void = () => {};

  constructor(client: Client, topic: string) {
    this.#client = client;
    this.#topic = topic;
  }

  enter(data: Member['data']): Promise<void> {
    this.#data = data;
    this.#unlisten ??= this.#client.on('state', (state) => {
      if (state.status === 'closed') return this.#forget();
      if (state.status !== 'connected' || state.connectionId === this.#connectionId) return;
      this.#connectionId = state.connectionId;
      // The server knows the presence of a connection, and this is another one; what waits for a connection goes on it.
      const isOnItsWay = this.#waitsForConnection;
      this.#waitsForConnection = false;
      if (isOnItsWay) return;
      this.#hasNews = true;
      void this.#tell();
    });
    return this.#say();
  }

  update(data: Member['data']): Promise<void> {
    if (this.#data !== null) return this.enter(data);
    return Promise.reject(new SignalboxError('not_found', 'expected to be in the topic: enter first', { code: 404 }));
  }

  leave(): Promise<void> {
    if (this.#data === null) return Promise.resolve();
    this.#forget();
    // Without a connection there is nobody to tell: the server's grace ends it.
    return this.#client.state.status === 'connected' ? this.#say() : Promise.resolve();
  }

  /** Is there as long as somebody holds it. @returns what lets go */
  hold(data: Member['data'], failed: (error: unknown) => void): () => void {
    this.#cancelLinger();
    this.#holders += 1;
    this.enter(data).catch(failed);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.#holders -= 1;
      if (this.#holders > 0) return;
      this.#cancelLinger = this.#client.environment.after(LINGER_MS, () => void this.leave().catch(failed));
    };
  }

  #forget(): void {
    this.#data = null;
    this.#unlisten?.();
    this.#unlisten = null;
    this.#connectionId = null;
  }

  #say(): Promise<void> {
    this.#hasNews = true;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      void this.#tell();
    });
  }

  /** One after the other, the newest of what there is to say. */
  async #tell(): Promise<void> {
    if (this.#isTelling) return;
    this.#isTelling = true;
    let refusals = 0;
    while (this.#hasNews) {
      this.#hasNews = false;
      const waiting = this.#waiting.splice(0);
      const data = this.#data;
      const what = data === null ? { action: 'leave' } : { action: 'enter', data };
      this.#waitsForConnection = this.#client.state.status !== 'connected';
      try {
        await this.#client.request('Presence', { topic: this.#topic, ...what });
        for (const { resolve } of waiting) resolve();
        refusals = 0;
      } catch (error) {
        if (!this.#isLater(error)) {
          if (this.#data === data) this.#forget();
          for (const { reject } of waiting) reject(error);
          continue;
        }
        this.#waiting.unshift(...waiting);
        this.#hasNews = true;
        await this.#pause(refusals, isSignalboxError(error) ? error.retryAfterMs : 0);
        refusals += 1;
      }
    }
    this.#isTelling = false;
  }

  /** Said twice is said once, so a lost answer costs nothing. */
  #isLater(error: unknown): boolean {
    if (!isSignalboxError(error) || this.#client.state.status === 'closed') return false;
    return error.temporary || error.reason === 'outcome_unknown';
  }

  #pause(refusals: number, atLeast = 0): Promise<void> {
    const { environment } = this.#client;
    return new Promise((resolve) => {
      environment.after(atLeast + draw(() => environment.random(), refusals), resolve);
    });
  }
}
