/** What a view has: the API, its place, and time that passes only while it is looked at. */
import type { AdminApi } from './api.ts';
import type { Clients } from './clients.ts';
import { h, setText } from './dom.ts';
import { hrefOf, type Place } from './place.ts';

export interface View {
  readonly title: string;
  readonly element: HTMLElement;
}

export class Desk {
  readonly api: AdminApi;
  readonly clients: Clients;
  readonly place: Place;
  /** The nodes that are asked: `*`, or a name. */
  readonly node: string;
  /** Why what is shown is not the newest; empty when all is well. */
  readonly problem = h('p', { role: 'alert', class: 'problem' });
  readonly #closing = new AbortController();

  constructor(api: AdminApi, clients: Clients, place: Place) {
    this.api = api;
    this.clients = clients;
    this.place = place;
    this.node = place.query.get('node') ?? '*';
  }

  get closed(): AbortSignal {
    return this.#closing.signal;
  }

  close(): void {
    this.#closing.abort();
  }

  /** A word to people who listen to the page instead of looking at it. */
  say(text: string): void {
    const said = document.getElementById('said');
    if (said !== null) setText(said, text);
  }

  /** To another view, of the same nodes. */
  href(view: string, about = '', query: Readonly<Record<string, string>> = {}): string {
    return hrefOf(view, about, { ...(this.node !== '*' && { node: this.node }), ...query });
  }

  /** Keeps a filter in the address, without opening the view anew. */
  keep(name: string, value: string): void {
    if (value === '') this.place.query.delete(name);
    else this.place.query.set(name, value);
    const { view, about, query } = this.place;
    history.replaceState(null, '', hrefOf(view, about, Object.fromEntries(query)));
  }

  filter(name: string): string {
    return this.place.query.get(name) ?? '';
  }

  /** Runs now and then: while the view is open and somebody can see it, never twice at once. @returns what runs it at once */
  poll(everyMs: number, work: (signal: AbortSignal) => Promise<void>): () => void {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isRunning = false;
    let isWanted = false;
    const run = async (): Promise<void> => {
      clearTimeout(timer);
      if (this.closed.aborted || document.hidden) return;
      if (isRunning) {
        isWanted = true;
        return;
      }
      isRunning = true;
      isWanted = false;
      await this.attempt(() => work(this.closed));
      isRunning = false;
      if (isWanted) void run();
      else timer = setTimeout(() => void run(), everyMs);
    };
    document.addEventListener('visibilitychange', () => void run(), { signal: this.closed });
    this.closed.addEventListener('abort', () => clearTimeout(timer));
    void run();
    return () => void run();
  }

  /** Shows what goes wrong above the view. @returns whether it went well */
  async attempt(work: () => Promise<void>): Promise<boolean> {
    try {
      await work();
      setText(this.problem, '');
      return true;
    } catch (error) {
      this.fail(error);
      return false;
    }
  }

  fail(error: unknown): void {
    if (!this.closed.aborted) setText(this.problem, messageOf(error));
  }
}

export function messageOf(error: unknown): string {
  if (error instanceof TypeError) return `The server cannot be reached: ${error.message}`;
  return error instanceof Error ? error.message : String(error);
}
