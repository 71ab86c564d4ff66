/** A hundred clients of the library under load, two nodes on one Redis behind a proxy, and one node drains. */
import { expect, onTestFinished, test } from 'vitest';
import { createClient, type Client } from '../src/client/index.ts';
import { eventually, within } from './harness/deadline.ts';
import { startProxy } from './harness/proxy.ts';
import { startRedis } from './harness/redis-server.ts';
import { startServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';
import { isMissing } from './harness/tools.ts';

const READERS = 100;
const ROOMS = 5;
const INTERVAL_MS = 100;
/** More than those clients have who stay where they are, which a busy machine holds up as well. */
const SILENCE_MS = 250;
const LONGEST_MS = 1_000;

class Reader {
  readonly client: Client;
  readonly room: number;
  readonly got: unknown[] = [];
  isLive = false;
  breaks = 0;
  private heardAt = 0;
  private longestMs = 0;

  constructor(client: Client, room: number) {
    this.client = client;
    this.room = room;
    client.topic(`chat.${room}`).on({
      message: ({ payload }) => this.take(payload),
      gap: (gap) => this.take(gap),
      live: () => {
        this.isLive = true;
      },
    });
    client.on('state', ({ status }) => {
      if (this.isLive && status !== 'connected' && status !== 'closed') this.breaks += 1;
    });
  }

  get node(): string {
    const { state } = this.client;
    return state.status === 'connected' ? state.node : '';
  }

  /** The longest time between two messages since it was asked last. */
  silence(): number {
    const { longestMs } = this;
    this.longestMs = 0;
    return longestMs;
  }

  private take(item: unknown): void {
    const now = performance.now();
    if (this.heardAt > 0) this.longestMs = Math.max(this.longestMs, now - this.heardAt);
    this.heardAt = now;
    this.got.push(item);
  }
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((one, other) => one - other)[numbers.length >> 1] ?? 0;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

test.skipIf(isMissing('nginx'))(
  'nothing is lost, nothing comes twice, and clients that move hear as much as clients that stay',
  async () => {
    const redis = await startRedis();
    const nodeNamed = (name: string): ReturnType<typeof startServer> =>
      startServer({
        'server.node_name': name,
        'server.trusted_proxies': '127.0.0.1',
        'redis.url': redis.url,
        'shutdown.grace_secs': '25',
        'shutdown.closes_per_second': '25',
      });
    const [ending, staying] = await Promise.all([nodeNamed('ending'), nodeNamed('staying')]);
    const proxy = await startProxy('nginx', {
      nodes: [ending.port, staying.port],
      silenceSecs: 60,
      connections: 4 * READERS + 50,
    });
    const open = (user: string): Client => {
      const client = createClient({ url: `ws://127.0.0.1:${proxy.port}/ws`, token: () => tokenOf(user) });
      onTestFinished(() => client.close());
      return client;
    };
    const readers = Array.from({ length: READERS }, (_, at) => new Reader(open(`reader-${at}`), at % ROOMS));
    await eventually(() => readers.every(({ isLive }) => isLive), 'every reader to be live');
    const moving = readers.filter(({ node }) => node === 'ending');
    const others = readers.filter(({ node }) => node === 'staying');
    // The one with the fewest connections gets the next.
    expect(moving.length).toBeGreaterThan(READERS / 4);

    // Publishers are clients like the others: some of them move too.
    const publishers = Array.from({ length: ROOMS }, (_, room) => open(`publisher-${room}`).topic(`chat.${room}`));
    const receipts: Promise<unknown>[] = [];
    let sent = 0;
    const publishing = setInterval(() => {
      for (const topic of publishers) receipts.push(topic.publish(sent));
      sent += 1;
    }, INTERVAL_MS);
    onTestFinished(() => clearInterval(publishing));
    await eventually(() => readers.every(({ got }) => got.length >= 2), 'the first messages');
    for (const reader of readers) reader.silence();
    await within(ending.stop(), 'the node to end');
    await pause(3 * INTERVAL_MS);
    const moved = moving.map((reader) => reader.silence());
    const stayed = others.map((reader) => reader.silence());
    clearInterval(publishing);
    await within(Promise.all(receipts), 'every receipt');
    await eventually(() => readers.every(({ got }) => got.length >= sent), 'every message');

    const expected = Array.from({ length: sent }, (_, at) => at);
    for (const { got } of readers) expect(got).toEqual(expected);
    // Only a machine that stands still for seconds keeps a client from its new connection until the old one is closed.
    expect(readers.filter(({ breaks }) => breaks > 0).length).toBeLessThan(moving.length / 4);
    expect(new Set(moving.map(({ node }) => node))).toEqual(new Set(['staying']));
    expect(median(moved)).toBeLessThan(SILENCE_MS + median(stayed));
    expect(Math.max(...moved)).toBeLessThan(LONGEST_MS + Math.max(...stayed));
  },
);
