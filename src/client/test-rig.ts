/** A client on the test server's clock, and what its topics bring. */
import { onTestFinished } from 'vitest';
import type { ClientOptions } from './client-options.ts';
import { createClient, type Client } from './client.ts';
import type { Item } from './items.ts';
import { TestServer, type TestServerOptions } from './testing/index.ts';
import type { ReadOptions, Topic } from './topic.ts';

export interface Rig {
  readonly server: TestServer;
  readonly client: Client;
  /** Every state that the connection had, in order. */
  readonly states: string[];
  readonly errors: string[];
  /** Lets time pass. */
  readonly pass: (ms: number) => Promise<void>;
}

export function rig(options: Partial<ClientOptions> & { readonly server?: TestServerOptions } = {}): Rig {
  const { server: how, ...more } = options;
  const server = new TestServer(how);
  const client = createClient({ url: 'ws://test/ws', environment: server.environment, ...more });
  const states: string[] = [];
  const errors: string[] = [];
  client.on('state', ({ status }) => states.push(status));
  client.on('error', ({ reason }) => errors.push(reason));
  onTestFinished(() => client.close());
  return { server, client, states, errors, pass: (ms) => server.clock.advance(ms) };
}

/** What a topic brings, as short texts: payloads of messages, `gap 2..4`, `live`. */
export function collect(topic: Topic, options?: ReadOptions): string[] & { readonly stop: () => void } {
  const texts: string[] = [];
  const take = (item: Item): void => {
    texts.push(textOf(item));
  };
  const stop = topic.on(
    { message: take, gap: take, live: take, error: ({ reason }) => texts.push(`error ${reason}`) },
    options,
  );
  // Not enumerable, so that the texts alone are compared.
  return Object.defineProperty(texts, 'stop', { value: stop }) as string[] & { readonly stop: () => void };
}

export function textOf(item: Item): string {
  if (item.kind === 'message') return String(item.payload);
  if (item.kind === 'live') return 'live';
  return `gap ${item.cause === 'history_lost' ? 'lost' : item.from === undefined ? item.count : `${item.from}..${item.to}`}`;
}
