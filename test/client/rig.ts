/** Clients of the library against a real server, closed with their test. */
import { onTestFinished } from 'vitest';
import { createClient, type Client, type ClientOptions, type Item, type Topic } from '../../src/client/index.ts';
import { within } from '../harness/deadline.ts';
import type { TestServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

export function clientOf(server: TestServer | number, user = 'alice', options: Partial<ClientOptions> = {}): Client {
  const port = typeof server === 'number' ? server : server.port;
  const client = createClient({
    url: `ws://127.0.0.1:${port}/ws`,
    token: () => tokenOf(user),
    backoff: { minMs: 20, maxMs: 100 },
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

/** Collects what a topic brings, and waits for it. */
export class Reading {
  readonly items: Item[] = [];
  readonly errors: unknown[] = [];
  private readonly waiters = new Set<() => void>();
  readonly stop: () => void;

  constructor(topic: Topic, options: Parameters<Topic['on']>[1] = {}) {
    const take = (item: Item): void => {
      this.items.push(item);
      for (const waiter of this.waiters) waiter();
    };
    const error = (problem: unknown): void => {
      this.errors.push(problem);
      for (const waiter of this.waiters) waiter();
    };
    this.stop = topic.on({ message: take, gap: take, live: take, error }, options);
  }

  get payloads(): unknown[] {
    return this.items.filter((item) => item.kind === 'message').map(({ payload }) => payload);
  }

  get kinds(): string[] {
    return this.items.map(({ kind }) => kind);
  }

  until(isDone: (reading: this) => boolean, what: string): Promise<void> {
    return within(
      new Promise((resolve) => {
        const check = (): void => {
          if (!isDone(this)) return;
          this.waiters.delete(check);
          resolve();
        };
        this.waiters.add(check);
        check();
      }),
      `${what}; it has ${JSON.stringify(this.items.slice(-5))} ${String(this.errors)}`,
    );
  }

  live(): Promise<void> {
    return this.until(({ items }) => items.some(({ kind }) => kind === 'live'), 'the topic to be live');
  }

  count(messages: number): Promise<void> {
    return this.until(({ payloads }) => payloads.length >= messages, `${messages} messages`);
  }
}
