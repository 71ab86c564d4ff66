/**
 * `signalbox/client/store`: state that is loaded once and then kept by messages. First the position is known, then the state is loaded, then what
 * came after the position is applied: nothing falls between the two.
 */
import type { Position } from '../../protocol/position.ts';
import type { Item, Message } from '../items.ts';
import type { Topic } from '../topic.ts';

export interface StoreOptions<S, P> {
  /**
   * Reads the state as it is, or newer than `at`.
   * @param at `undefined` for an ephemeral topic
   */
  readonly load: (at: Position | undefined, signal: AbortSignal) => S | Promise<S>;
  /** The state after a message; called again with one that the loaded state holds already, when that was newer. */
  readonly apply: (state: S, message: Message<P>) => S;
  readonly error?: (error: unknown) => void;
}

export interface Snapshot<S> {
  readonly value: S | undefined;
  /** `stale`: messages are missing, or the state cannot be loaded; it is being loaded again. */
  readonly status: 'loading' | 'live' | 'stale';
  readonly position: Position | undefined;
}

export interface Store<S> {
  subscribe(listener: () => void): () => void;
  /** The same object until something changes. */
  getSnapshot(): Snapshot<S>;
  dispose(): void;
}

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 30_000;

/** The application's own state of a topic: loaded at a position, then kept by every message after it. */
export function storeOf<S, P>(topic: Topic<P>, { load, apply, error: report }: StoreOptions<S, P>): Store<S> {
  const { client } = topic;
  const listeners = new Set<() => void>();
  const abort = new AbortController();
  let snapshot: Snapshot<S> = { value: undefined, status: 'loading', position: undefined };

  const tell = (error: unknown): void => {
    try {
      // Thrown here, it is the client's to tell.
      if (report === undefined) throw error;
      report(error);
    } catch (cause) {
      client.faulty(cause);
    }
  };
  const become = (next: Snapshot<S>): void => {
    if (abort.signal.aborted) return;
    snapshot = next;
    for (const listener of listeners)
      try {
        listener();
      } catch (error) {
        tell(error);
      }
  };
  const failed = (error: unknown): void => {
    become({ ...snapshot, status: snapshot.value === undefined ? 'loading' : 'stale' });
    tell(error);
  };
  const wait = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const cancel = client.environment.after(ms, resolve);
      abort.signal.addEventListener('abort', () => {
        cancel();
        resolve();
      });
    });
  const reload = async (at: Position | undefined): Promise<void> => {
    for (let delay = FIRST_RETRY_MS; !abort.signal.aborted; delay = Math.min(delay * 2, LONGEST_RETRY_MS)) {
      try {
        const value = await load(at, abort.signal);
        return become({ value, status: 'live', position: at });
      } catch (error) {
        failed(error);
        await wait(delay);
      }
    }
  };
  const handler = (item: Item<P>): unknown => {
    if (item.kind === 'message') {
      const { sequence, epoch } = item;
      const position = epoch === '' ? undefined : { epoch, sequence };
      return become({ ...snapshot, value: apply(snapshot.value as S, item), position });
    }
    if (item.kind === 'gap') become({ ...snapshot, status: 'stale' });
    else if (snapshot.status === 'live') return undefined;
    // Nothing is applied before it is there: the reader waits for its handler.
    return reload(item.position);
  };
  const handlers = { message: handler, gap: handler, live: handler, error: failed };
  const stop = topic.on(handlers, { since: 'live' });
  return {
    subscribe: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    getSnapshot: () => snapshot,
    dispose: () => {
      abort.abort();
      stop();
    },
  };
}
