/** A server with something to see in every view: users, topics, traced messages, refused frames, dead letters, figures. */
import type { Page } from 'playwright-core';
import { FIGURES } from '../../../src/node/figures.ts';
import { appOf } from '../../harness/apps.ts';
import { connect, type Client } from '../../harness/client.ts';
import type { TestServer } from '../../harness/server.ts';
import { tokenOf } from '../../harness/tokens.ts';
import { serverWithConsole } from './desk.ts';

export const TOPIC = 'chat.lobby';
const RULES = [{ pattern: 'chat.**', presence: 'connection' }];

export interface Stage {
  readonly server: TestServer;
  /** Of an operator, which the WebSocket takes too. */
  readonly token: string;
  readonly alice: Client;
  readonly bob: Client;
  /** The id of a traced message that Alice and Bob got. */
  readonly traced: string;
  /** Ids that were tried again. */
  readonly replayed: (readonly string[] | null)[];
}

export async function setStage(): Promise<Stage> {
  const replayed: (readonly string[] | null)[] = [];
  const shop = appOf('shop', () => ({
    deadLetters: {
      list: () => Promise.resolve({ total: 2, deadLetters: LETTERS }),
      replay: (ids) => {
        replayed.push(ids);
        return Promise.resolve(0);
      },
    },
  }));
  const server = await serverWithConsole({ 'trace.topics': '["chat.**"]', 'topics.rules': JSON.stringify(RULES) }, [
    shop,
  ]);
  const [alice, bob] = await Promise.all(['alice', 'bob'].map((user) => connect(server.port, { user })));
  if (alice === undefined || bob === undefined) throw new Error('expected two clients');
  for (const client of [alice, bob]) await client.subscribe(TOPIC, 'news.today');
  await alice.ask('Presence', { topic: TOPIC, action: 'enter', data: { mood: 'well' } });
  await bob.publish(TOPIC, { text: 'hello', list: [1, 2, { deep: true }] });
  const { data } = await bob.publish(TOPIC, { text: 'größer' });
  await alice.take(2);
  await bob.ask('Broadcast', { topic: 'not a topic', payload: 'secret' });
  const { deadLetters } = server.running.node.parts.context;
  const error = 'Error: a planted fault\n    at handle (planted.ts:1:1)';
  deadLetters.add({ at: Date.now(), actor: 'test-node-x', error, message: 'Broadcast of 12 bytes' });
  const token = await tokenOf('olga', { roles: ['admin', 'user'] });
  return { server, token, alice, bob, traced: data.id ?? '', replayed };
}

const LETTERS = ['evt-1', 'evt-2'].map((id) => ({ id, event: 'order.paid', attempts: 8, reason: 'answered 500' }));

/** Fifteen minutes that a test does not wait for, in the place of the server's answer. */
export async function withFigures(page: Page, now = Date.now()): Promise<void> {
  await page.route('**/admin/figures?*', (route) => {
    const since = Number(new URL(route.request().url()).searchParams.get('since') ?? 0);
    const at = Array.from({ length: 180 }, (_, index) => now - (179 - index) * 5_000).filter((time) => time > since);
    const values = Object.fromEntries(
      Object.keys(FIGURES).map((name) => [name, at.map((time) => valueOf(name, time))]),
    );
    return route.fulfill({
      json: { node: '*', nodes: [{ node: 'test-node', every_secs: 5, problem: null, at, values }] },
    });
  });
}

const HEIGHTS: Readonly<Record<string, number>> = {
  delivered: 4_000,
  published: 400,
  received: 520,
  rss_bytes: 180e6,
  heap_bytes: 60e6,
  connections: 8_120,
  cpu: 0.4,
};

/** The same for the same time, so that pictures do not change. */
function valueOf(name: string, time: number): number | null {
  const phase = (time / 5_000) % 180;
  const wave = 1 + Math.sin((phase / 180) * 6 * Math.PI + name.length) / 4;
  return name === 'delivery_p99_ms' && phase % 50 > 45 ? null : (HEIGHTS[name] ?? 2) * wave;
}
