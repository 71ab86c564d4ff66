/** What an application holds of a topic: free to make, shared behind it. */
import type { Position } from '../protocol/position.ts';
import { SignalboxError } from './errors.ts';
import type { SubscriptionState } from './feed.ts';
import type { Gap, Item, Live, Message } from './items.ts';
import { iterate } from './iterate.ts';
import type { PublishOptions, Receipt } from './publishing.ts';
import { createStore, type Store, type StoreOptions } from './store.ts';
import type { Since } from './subscriptions.ts';
import type { TopicPorts } from './topic-ports.ts';

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

export interface HistoryOptions {
  /** After it; without one, from the first that there is. */
  readonly since?: Position;
  readonly before?: Position;
  /** In all; without one, to the end. */
  readonly limit?: number;
  /** Newest first. */
  readonly reverse?: boolean;
  readonly signal?: AbortSignal;
}

const PAGE = 100;

export class Topic<P = unknown> implements AsyncIterable<Item<P>> {
  readonly name: string;
  readonly #ports: TopicPorts;

  constructor(name: string, ports: TopicPorts) {
    this.name = name;
    this.#ports = ports;
  }

  get state(): SubscriptionState {
    return this.#ports.state(this.name);
  }

  /** Up to where the application has handled it. */
  get position(): Position | undefined {
    return this.#ports.position(this.name);
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Item<P>> {
    return this.items();
  }

  items({ since = 'stored', signal }: ReadOptions = {}): AsyncIterableIterator<Item<P>> {
    return iterate<P>(({ handler, ended }) => this.#ports.read(this.name, { handler, refused: ended, since }), signal);
  }

  /** Only messages; for what is missing `onGap` is called, in its place. */
  async *messages(options: ReadOptions & { readonly onGap: (gap: Gap) => unknown }): AsyncGenerator<Message<P>> {
    for await (const item of this.items(options))
      if (item.kind === 'gap') await options.onGap(item);
      else if (item.kind === 'message') yield item;
  }

  /** @returns what ends it */
  on(handlers: Handlers<P>, { since = 'stored', signal }: ReadOptions = {}): () => void {
    if (signal?.aborted === true) return () => {};
    const handler = (item: Item): unknown => (handlers[item.kind] as ((item: unknown) => unknown) | undefined)?.(item);
    const refused = (error: SignalboxError | null): void => {
      if (error !== null) handlers.error?.(error);
    };
    const stop = this.#ports.read(this.name, { handler, refused, threw: handlers.error, since });
    const end = (): void => {
      signal?.removeEventListener('abort', end);
      stop();
    };
    signal?.addEventListener('abort', end);
    return end;
  }

  /** Told whenever `state` may have changed. */
  onState(listener: () => void): () => void {
    return this.#ports.watch(this.name, listener);
  }

  /** Resolves when it is stored; survives reconnects. @throws SignalboxError */
  publish(payload: P, options?: PublishOptions): Promise<Receipt> {
    return this.#ports.publish(this.name, payload, options);
  }

  /** Reads the log page by page, as it is asked for. */
  async *history(options: HistoryOptions = {}): AsyncGenerator<Message<P>> {
    const { reverse, limit = Infinity, signal } = options;
    let { since, before } = options;
    let left = limit;
    while (left > 0) {
      const request = { topic: this.name, since, before, limit: Math.min(left, PAGE), reverse };
      const { messages, next } = await this.#ports.page(request);
      for (const frame of messages) {
        if (signal?.aborted === true) throw new SignalboxError('aborted', 'reading history was aborted');
        yield this.#ports.message(this.name, frame) as Message<P>;
        left -= 1;
      }
      if (next === undefined) return;
      if (reverse === true) before = next;
      else since = next;
    }
  }

  /** The application's own state of the topic: loaded at a position, then kept by every message after it. */
  store<S>(options: StoreOptions<S, P>): Store<S> {
    return createStore(this.name, options, this.#ports);
  }
}
