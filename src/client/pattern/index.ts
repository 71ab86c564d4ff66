/** `signalbox/client/pattern`: all topics of a pattern as one, whose items name their topic. docs/client.md, "Many topics". */
import type { Client } from '../client.ts';
import type { SignalboxError } from '../errors.ts';
import { iterate } from '../iterate.ts';
import type { Item } from '../items.ts';
import type { Handlers, ReadOptions } from '../topic.ts';
import { PatternReader, type PatternEvents } from './pattern-reader.ts';

/** Where a reader begins: where it left off (else now), or now. */
export interface PatternOptions extends Pick<ReadOptions, 'signal'> {
  readonly since?: 'stored' | 'live';
}

export interface Pattern<P = unknown> extends AsyncIterable<Item<P>> {
  readonly pattern: string;
  items(options?: PatternOptions): AsyncIterableIterator<Item<P>>;
  /** @returns what ends it */
  on(handlers: Handlers<P>, options?: PatternOptions): () => void;
}

/** @param pattern `*` is one segment, `**` at the end one or more */
export function patternOf<P = unknown>(client: Client, pattern: string): Pattern<P> {
  const read = (events: PatternEvents, { since = 'stored' }: PatternOptions): (() => void) => {
    const reader = new PatternReader(client, pattern, since === 'stored', events);
    reader.start();
    return () => reader.end();
  };
  const items = (options: PatternOptions = {}): AsyncIterableIterator<Item<P>> =>
    iterate<P>(({ handler, ended }) => read({ handler, refused: ended, threw: () => {} }, options), options.signal);
  return {
    pattern,
    items,
    on: (handlers, options = {}) => {
      const { signal } = options;
      if (signal?.aborted === true) return () => {};
      const { error: report } = handlers;
      const failed = (error: SignalboxError | null): void => {
        try {
          if (error !== null) report?.(error);
        } catch (cause) {
          client.faulty(cause);
        }
      };
      const handler = (item: Item): unknown => (handlers[item.kind] as ((item: Item) => unknown) | undefined)?.(item);
      const threw = report === undefined ? (error: SignalboxError): void => client.faulty(error) : failed;
      const stop = read({ handler, refused: failed, threw }, options);
      const end = (): void => {
        signal?.removeEventListener('abort', end);
        stop();
      };
      signal?.addEventListener('abort', end);
      return end;
    },
    [Symbol.asyncIterator]: () => items(),
  };
}
