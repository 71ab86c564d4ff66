/** What an application holds of a topic: free to make, shared behind it. */
import type { Position } from '../protocol/position.ts';
import type { Client } from './client-api.ts';
import type { SignalboxError } from './errors.ts';
import type { SubscriptionState } from './feed.ts';
import type { Gap, Item, Live, Message } from './items.ts';
import { iterate } from './iterate.ts';
import type { PublishOptions, Receipt } from './publishing.ts';
import type { Since } from './subscription-ports.ts';

export interface ReadOptions {
  /** `stored` when it is not given: where this client left off, else from now on. */
  readonly since?: Since;
  readonly signal?: AbortSignal;
}

/** Called one at a time, in order; a promise is waited for. */
export interface Handlers<P> {
  readonly message: (message: Message<P>) => unknown;
  /** Messages are missing that cannot be had any more: load your state anew. */
  readonly gap: (gap: Gap) => unknown;
  readonly live?: (live: Live) => unknown;
  /** The topic is refused and nothing more comes, or a handler threw. */
  readonly error?: (error: SignalboxError) => void;
}

export interface Topic<P = unknown> extends AsyncIterable<Item<P>> {
  readonly name: string;
  readonly client: Client;
  readonly state: SubscriptionState;
  /** Up to where the application has handled it. */
  readonly position: Position | undefined;
  [Symbol.asyncIterator](): AsyncIterableIterator<Item<P>>;
  items(options?: ReadOptions): AsyncIterableIterator<Item<P>>;
  /** @returns what ends it */
  on(handlers: Handlers<P>, options?: ReadOptions): () => void;
  /** Told whenever `state` may have changed. @returns what ends it */
  onState(listener: () => void): () => void;
  /** Resolves when it is stored; survives reconnects. Rejects with a SignalboxError. */
  publish(payload: P, options?: PublishOptions): Promise<Receipt>;
}

/** One reader, as the client runs it. */
export interface Reader {
  readonly handler: (item: Item) => unknown;
  readonly refused: (error: SignalboxError | null) => void;
  readonly threw?: ((error: SignalboxError) => void) | undefined;
  readonly since: Since | undefined;
}

export function makeTopic<P>(
  name: string,
  client: Client,
  read: (topic: string, reader: Reader) => () => void,
  state: (topic: string) => SubscriptionState,
  watch: (topic: string, listener: () => void) => () => void,
  publish: (type: 'Broadcast', topic: string, payload: unknown, options?: PublishOptions) => Promise<Receipt>,
): Topic<P> {
  const items = ({ since, signal }: ReadOptions = {}): AsyncIterableIterator<Item<P>> =>
    iterate<P>(({ handler, ended }) => read(name, { handler, refused: ended, since }), signal);
  return {
    name,
    client,
    get state() {
      return state(name);
    },
    get position() {
      return client.positions.get(name);
    },
    [Symbol.asyncIterator]: () => items(),
    items,
    on: (handlers, { since, signal } = {}) => {
      if (signal?.aborted === true) return () => {};
      const { error: threw } = handlers;
      const handler = (item: Item): unknown => (handlers[item.kind] as ((item: Item) => unknown) | undefined)?.(item);
      const refused = (error: SignalboxError | null): void => {
        if (error !== null) handlers.error?.(error);
      };
      const stop = read(name, { handler, refused, threw, since });
      const end = (): void => {
        signal?.removeEventListener('abort', end);
        stop();
      };
      signal?.addEventListener('abort', end);
      return end;
    },
    onState: (listener) => watch(name, listener),
    publish: (payload, options) => publish('Broadcast', name, payload, options),
  };
}
