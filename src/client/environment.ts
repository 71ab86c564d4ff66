/** What the library takes of the world around it. All of it can be replaced: by a virtual clock, by React Native's AppState. */

/** What happens to a page or an app, and what the network is said to be. All of it is a hint, none of it is believed. */
export type LifecycleEvent =
  | 'visible'
  | 'hidden'
  | 'resume'
  | 'freeze'
  | 'pageshow'
  | 'pagehide'
  | 'online'
  | 'offline';

/** What carries a connection: `signalbox/client/sse` has the others. */
export type Transport = 'websocket' | 'sse' | 'poll';

/** As much of a WebSocket as is used. */
export interface SocketPort {
  /** `websocket` when it is not there. Others carry JSON. */
  readonly transport?: Transport;
  /** Called when another socket may do better than this one, which works. */
  onbetter?: (() => void) | null;
  binaryType: string;
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: { readonly code: number; readonly reason: string }) => void) | null;
  onerror: (() => void) | null;
  send(data: string | Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
}

export interface Environment {
  /** Milliseconds since 1970, as this machine believes. */
  now(): number;
  /** Milliseconds that never run back. */
  elapsed(): number;
  /** @returns what takes it back */
  after(ms: number, work: () => void): () => void;
  /** At least 0, below 1. */
  random(): number;
  /** At most 24 letters and digits that nobody else draws. */
  id(): string;
  /** @throws when the URL cannot be used */
  open(url: string, protocols: string[]): SocketPort;
  /** @returns what ends it */
  lifecycle(listener: (event: LifecycleEvent) => void): () => void;
}

/** Above this a timer fires at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

interface EventSource {
  addEventListener?(name: string, listener: () => void): void;
  removeEventListener?(name: string, listener: () => void): void;
  readonly visibilityState?: string;
}

interface Globals extends EventSource {
  readonly document?: EventSource;
  readonly WebSocket?: SocketMaker;
}

type SocketMaker = new (url: string, protocols: string[]) => SocketPort;

/** Browsers, workers, Node, Deno and Bun. */
export function standardEnvironment(): Environment {
  const globals = globalThis as unknown as Globals;
  return {
    now: () => Date.now(),
    elapsed: () => performance.now(),
    after: (ms, work) => {
      const timer = setTimeout(work, Math.min(ms, LONGEST_TIMER_MS));
      return () => clearTimeout(timer);
    },
    random: () => Math.random(),
    id: randomId,
    // Without one it throws, which closes the client: give `environment.open`.
    open: (url, protocols) => new (globals.WebSocket as SocketMaker)(url, protocols),
    lifecycle: (listener) => listenToPage(globals, listener),
  };
}

function randomId(): string {
  // Missing in React Native without a polyfill; `randomUUID` also in pages without TLS.
  const parts = new Uint32Array(4);
  const drawn = globalThis.crypto?.getRandomValues?.(parts) ?? parts.map(() => Math.random() * 2 ** 32);
  return Array.from(drawn, (part) => part.toString(36))
    .join('')
    .slice(0, 24);
}

const OF_WINDOW = ['pageshow', 'pagehide', 'online', 'offline'] as const;
const OF_DOCUMENT = ['freeze', 'resume', 'visibilitychange'] as const;

function listenToPage(globals: Globals, listener: (event: LifecycleEvent) => void): () => void {
  const { document } = globals;
  const ends = [...OF_WINDOW, ...OF_DOCUMENT].map((name, at) => {
    const source = at < OF_WINDOW.length ? globals : document;
    const work = (): void => {
      if (name !== 'visibilitychange') listener(name);
      else listener(document?.visibilityState === 'hidden' ? 'hidden' : 'visible');
    };
    source?.addEventListener?.(name, work);
    return () => source?.removeEventListener?.(name, work);
  });
  return () => {
    for (const end of ends) end();
  };
}
