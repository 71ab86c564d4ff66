/** Which transport a connection takes: WebSocket where it can, else what passes through the network that there is. */
import type { Environment, SocketPort, Transport } from '../environment.ts';
import type { HttpPort } from './http-port.ts';
import { Place } from './place.ts';
import { PollSocket } from './poll-socket.ts';
import { StreamSocket } from './stream-socket.ts';

/** Where it is remembered which transport works here: `localStorage` fits. */
export interface Memory {
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

export interface SelectionOptions {
  readonly http: HttpPort;
  readonly transports: readonly Transport[];
  readonly memory: Memory;
}

const KEY = 'signalbox.transport';
/** Networks change. */
const MEMO_MS = 3_600_000;
/** WebSockets in a row that ended before anything had come. */
const FAILURES = 2;
/** After these times WebSocket is tried again, beside what works. */
const TRIALS_MS = [60_000, 300_000, 1_800_000];
/** Wake-ups come in groups. */
const BETWEEN_TRIALS_MS = 30_000;

export class Selection {
  readonly #environment: Environment;
  readonly #options: SelectionOptions;
  #failures = 0;
  #trials = 0;
  #triedAt = 0;
  /** The next socket is tried beside one that works: it is a WebSocket or nothing. */
  #isTrial = false;

  constructor(environment: Environment, options: SelectionOptions) {
    this.#environment = environment;
    this.#options = options;
  }

  /** What the next socket begins with, and whether it ends with it too. */
  begin(): { readonly transport: Transport; readonly isTrial: boolean } {
    const isTrial = this.#isTrial;
    this.#isTrial = false;
    return { transport: isTrial ? 'websocket' : this.#first(), isTrial };
  }

  make(transport: Transport, url: string, protocols: string[]): SocketPort {
    const { http } = this.#options;
    if (transport === 'websocket') return this.#environment.open(url, protocols);
    const place = new Place(url, protocols, this.#environment, http);
    return transport === 'sse' ? new StreamSocket(place) : new PollSocket(place);
  }

  after(ms: number, work: () => void): () => void {
    return this.#environment.after(ms, work);
  }

  /** Whether anybody is there for HTTP. @returns what takes the question back */
  ask(url: string, protocols: string[], answered: () => void): () => void {
    const place = new Place(url, protocols, this.#environment, this.#options.http);
    return place.ask('frames', '[{"type":"Ping","id":"there"}]', (status) => {
      if (status !== 0) answered();
    });
  }

  /** What to try when a transport does not pass; `null`: nothing is left. */
  next(transport: Transport): Transport | null {
    const { transports } = this.#options;
    return transports[transports.indexOf(transport) + 1] ?? null;
  }

  works(transport: Transport): void {
    this.#failures = 0;
    const { memory } = this.#options;
    if (transport !== 'websocket')
      return attempt(() => memory.setItem(KEY, `${transport} ${this.#environment.now() + MEMO_MS}`));
    this.#trials = 0;
    attempt(() => memory.removeItem(KEY));
  }

  /** A WebSocket has ended without a frame. @returns whether that is enough */
  failed(): boolean {
    this.#failures += 1;
    return this.#failures >= FAILURES;
  }

  /** The others do not get through either: it is not the WebSocket's fault. */
  nothingWorks(isForgotten: boolean): void {
    this.#failures = 0;
    if (isForgotten) attempt(() => this.#options.memory.removeItem(KEY));
  }

  /** Asks again and again for a WebSocket, as long as something else is in use. @returns what ends it */
  tryAgain(ask: () => void): () => void {
    const environment = this.#environment;
    let cancel = (): void => {};
    const next = (): void => {
      cancel();
      cancel = environment.after(TRIALS_MS[this.#trials] ?? TRIALS_MS.at(-1) ?? 0, run);
    };
    const run = (): void => {
      this.#trials += 1;
      this.#triedAt = environment.elapsed();
      this.#isTrial = true;
      next();
      ask();
    };
    const unlisten = environment.lifecycle((event) => {
      const isAwake = event === 'visible' || event === 'resume' || event === 'pageshow' || event === 'online';
      if (isAwake && environment.elapsed() - this.#triedAt > BETWEEN_TRIALS_MS) run();
    });
    this.#triedAt = environment.elapsed();
    next();
    return () => {
      cancel();
      unlisten();
    };
  }

  #first(): Transport {
    const [transport, until] = (attempt(() => this.#options.memory.getItem(KEY)) ?? '').split(' ');
    const isKnown = this.#options.transports.includes(transport as Transport);
    return isKnown && Number(until) > this.#environment.now() ? (transport as Transport) : 'websocket';
  }
}

/** Storage that is switched off, or full, throws. */
function attempt<V>(work: () => V): V | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
