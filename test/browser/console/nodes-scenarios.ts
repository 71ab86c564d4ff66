/** Two nodes on one Redis: every view shows what both have, and each acknowledges a change by itself. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { connect } from '../../harness/client.ts';
import { startRedis, type RedisServer } from '../../harness/redis-server.ts';
import type { TestServer } from '../../harness/server.ts';
import { tokenOf } from '../../harness/tokens.ts';
import { heading, openSignedIn, serverWithConsole } from './desk.ts';

/** As in view-scenarios.ts. */
const PICTURES =
  process.env['CONSOLE_PICTURES'] === undefined
    ? null
    : fileURLToPath(new URL('../../../docs/console', import.meta.url));

interface Pair {
  readonly redis: RedisServer;
  readonly a: TestServer;
  readonly b: TestServer;
  /** The id of a traced message that a client of each node got. */
  readonly traced: string;
  /** Of an operator. */
  readonly token: string;
}

/** Alice is on the one, Bob on the other, in one topic. */
async function twoNodes(): Promise<Pair> {
  const redis = await startRedis();
  const shared = { 'redis.url': redis.url, 'trace.topics': 'chat.**' };
  const a = await serverWithConsole({ ...shared, 'server.node_name': 'node-a' });
  const b = await serverWithConsole({ ...shared, 'server.node_name': 'node-b' });
  const alice = await connect(a.port, { user: 'alice' });
  const bob = await connect(b.port, { user: 'bob' });
  for (const client of [alice, bob]) await client.subscribe('chat.lobby');
  const { data } = await alice.publish('chat.lobby', { text: 'to both nodes' });
  await bob.take(1);
  return { redis, a, b, traced: data.id ?? '', token: await tokenOf('olga', { roles: ['admin', 'user'] }) };
}

const row = (page: Page, name: RegExp): Promise<void> => page.getByRole('row', { name }).first().waitFor();

async function go(page: Page, link: string): Promise<void> {
  await page.getByRole('link', { name: link, exact: true }).click();
  await heading(page, link);
}

/** With `CONSOLE_PICTURES=1`, of what each node has acknowledged. */
async function takePictures(page: Page): Promise<void> {
  if (PICTURES === null) return;
  for (const [name, width, colorScheme] of [
    ['narrow', 390, 'dark'],
    ['wide', 1_280, 'light'],
  ] as const) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width, height: 800 });
    await page.screenshot({ path: join(PICTURES, `two-nodes-${name}.png`) });
  }
}

export function nodesScenarios(): void {
  test('both are in every view, and one that is gone is missed', async () => {
    const { redis, a, traced, token } = await twoNodes();
    const { page, complaints } = await openSignedIn(a.url, { place: '/nodes' }, token);
    await row(page, /^node-a running 1/);
    await row(page, /^node-b running 1/);
    await page.getByText('2 connections on 2 nodes').waitFor();
    // Without a goodbye: as if its process had been killed a minute ago.
    await redis.redis.zadd('signalbox:lastseen:{all}', Date.now() - 60_000, 'node-c');
    await page.getByText(/^Gone without having said goodbye: node-c \(last seen /).waitFor();
    await go(page, 'Connections');
    await row(page, /alice/);
    await row(page, /bob/);
    await go(page, 'Topics');
    await row(page, /^chat\.lobby node-a 1/);
    await row(page, /^chat\.lobby node-b 1/);
    await page.goto(`${a.url}/admin/console#/trace/${traced}?user=bob`);
    await row(page, /alice written/);
    await row(page, /bob written/);
    expect(complaints).toEqual([]);
  });

  test('each acknowledges a change by itself, and one alone is chosen', async () => {
    const { a, b, token } = await twoNodes();
    const { page, complaints } = await openSignedIn(a.url, { place: '/emergency' }, token);
    await row(page, /^mode node-a running/);
    await row(page, /^mode node-b running/);
    const form = page.getByRole('form', { name: 'Mode' });
    const section = page.getByRole('region', { name: 'Mode' });
    const isReadOnly = (): boolean[] => [a, b].map(({ running }) => running.node.parts.mode.isReadOnly);
    await form.getByLabel('Reverts after (seconds)').fill('600');
    await form.getByRole('button', { name: 'Try' }).click();
    await section.getByText(/would touch 2 connections .* on 2 nodes/).waitFor();
    expect(isReadOnly()).toEqual([false, false]);
    await form.getByRole('button', { name: 'Carry it out' }).click();
    await section.getByText(/^Carried out by 2 of 2 nodes, with 2 connections/).waitFor();
    for (const name of ['node-a', 'node-b']) {
      await section.getByRole('row', { name: new RegExp(`^${name} yes 1`) }).waitFor();
      await row(page, new RegExp(`^mode ${name} read_only`));
    }
    expect(isReadOnly()).toEqual([true, true]);
    await takePictures(page);

    await page.getByRole('combobox', { name: 'Node' }).selectOption('node-b');
    await page.getByText('A change is for node node-b').waitFor();
    await page.getByRole('row', { name: /^mode node-a/ }).waitFor({ state: 'detached' });
    const again = page.getByRole('form', { name: 'Mode' });
    await again.getByLabel('Mode').selectOption('normal');
    await again.getByRole('button', { name: 'Try' }).click();
    await page.getByText(/^Nothing was changed/).waitFor();
    await again.getByRole('button', { name: 'Carry it out' }).click();
    await row(page, /^mode node-b running/);
    expect(isReadOnly()).toEqual([true, false]);
    expect(complaints).toEqual([]);
  });
}
