/** What outlives the page: positions, the queue; and what becomes of a storage that fails. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { createClient, type Client } from '../client.ts';
import type { ClientStorage } from '../storage.ts';
import { collect } from '../test-rig.ts';
import { TestServer } from '../testing/index.ts';
import type { FileSystem } from './file-backend.ts';
import { fileOf, localStorageOf, storageOn, type TextStore } from './index.ts';
import { queueOf } from '../queue/index.ts';

class Texts implements TextStore {
  readonly items = new Map<string, string>();
  isFull = false;

  get length(): number {
    return this.items.size;
  }

  key(at: number): string | null {
    return [...this.items.keys()][at] ?? null;
  }

  getItem(name: string): string | null {
    return this.items.get(name) ?? null;
  }

  setItem(name: string, text: string): void {
    if (this.isFull) throw new Error('QuotaExceededError');
    this.items.set(name, text);
  }

  removeItem(name: string): void {
    this.items.delete(name);
  }
}

function start(server: TestServer, storage: ClientStorage): { client: Client; errors: string[] } {
  const client = createClient({ url: 'ws://test/ws', environment: server.environment, storage });
  const errors: string[] = [];
  client.on('error', ({ reason }) => errors.push(reason));
  onTestFinished(() => client.close());
  return { client, errors };
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'signalbox-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }));
  return path;
}

function file(): () => ClientStorage {
  const path = join(folder(), 'state.json');
  return () => fileOf(path, fs);
}

function texts(): () => ClientStorage {
  const store = new Texts();
  return () => localStorageOf('alice', store);
}

/** Work on files that is under way: they answer when they like. */
let underWay = 0;

function watched<Args extends unknown[], Result>(work: (...args: Args) => Promise<Result>) {
  return async (...args: Args): Promise<Result> => {
    underWay += 1;
    try {
      return await work(...args);
    } finally {
      underWay -= 1;
    }
  };
}

const fs: FileSystem = {
  readFile: watched(readFile as FileSystem['readFile']),
  writeFile: watched(writeFile as FileSystem['writeFile']),
  rename: watched(rename as FileSystem['rename']),
  rm: watched(rm as FileSystem['rm']),
};

/** Time stands still until the work on files is done, and what begins with its end. */
async function rest(server: TestServer, ms: number): Promise<void> {
  for (let step = 0; step < 10; step += 1) {
    await server.clock.advance(ms / 10);
    for (let idle = 0; idle < 3; idle = underWay === 0 ? idle + 1 : 0) await nextTurn();
  }
}

test.each([
  ['localStorage', texts],
  ['a file', file],
])('%s: the next page goes on where the last one was', async (_name, make) => {
  const storage = make();
  const server = new TestServer();
  const first = start(server, storage());
  const items = collect(first.client.topic('a'));
  await rest(server, 100);
  server.publish('a', '1');
  await rest(server, 1_000);
  await first.client.close();
  await rest(server, 100);
  server.publish('a', '2');
  const second = start(server, storage());
  const later = collect(second.client.topic('a'));
  await rest(server, 100);
  expect([items, later, first.errors, second.errors]).toEqual([['live', '1'], ['2', 'live'], [], []]);
});

test.each([
  ['localStorage', texts],
  ['a file', file],
])('A-33: %s: what was not sent is sent by the next page, once and in order', async (_name, make) => {
  const storage = make();
  const server = new TestServer();
  const first = start(server, storage());
  const unsent = ['unsent 1', 'unsent 2', 'unsent 3'];
  server.away();
  for (const text of unsent)
    first.client
      .topic('a')
      .publish(text)
      .catch(() => {});
  await rest(server, 1_000);
  expect(queueOf(first.client).stats()).toMatchObject({ messages: 3, failed: 0 });
  await first.client.close();
  await rest(server, 100);
  server.away(false);
  for (const expected of [unsent, []]) {
    const next = start(server, storage());
    const items = collect(next.client.topic('a'), { since: 'live' });
    await rest(server, 2_000);
    expect(items.filter((text) => text !== 'live')).toEqual(expected);
    expect(queueOf(next.client).stats().messages).toBe(0);
    await next.client.close();
    await rest(server, 100);
  }
});

test('signing out leaves nothing of the user', async () => {
  const store = new Texts();
  store.setItem('other', 'kept');
  const server = new TestServer();
  const { client } = start(server, localStorageOf('alice', store));
  collect(client.topic('a'));
  await rest(server, 100);
  server.publish('a', '1');
  await rest(server, 1_000);
  expect(store.length).toBeGreaterThan(1);
  await client.signOut();
  await rest(server, 100);
  expect([...store.items]).toEqual([['other', 'kept']]);
});

test('a tab leaves alone what a living one has queued', async () => {
  const server = new TestServer();
  const backend = {
    load: () =>
      Promise.resolve({
        positions: {},
        queue: ['living', 'dead'].map((owner) => ({
          owner,
          key: owner,
          type: 'Broadcast' as const,
          to: 'a',
          payload: `"${owner}"`,
          isStrict: false,
          createdAt: server.clock.now,
          firstSentAt: null,
        })),
      }),
    save: () => Promise.resolve(),
    clear: () => Promise.resolve(),
    claim: (owner: string) => Promise.resolve(owner !== 'living'),
  };
  const { client } = start(server, storageOn(backend));
  const items = collect(client.topic('a'));
  await rest(server, 1_000);
  expect(items.filter((text) => text !== 'live')).toEqual(['dead']);
});

test.each([
  ['is full', (store: Texts) => (store.isFull = true)],
  ['holds nonsense', (store: Texts) => store.items.set('signalbox:alice:p', '{')],
])('a storage that %s is told once, and memory goes on', async (_name, harm) => {
  const store = new Texts();
  harm(store);
  const server = new TestServer();
  const { client, errors } = start(server, localStorageOf('alice', store));
  const items = collect(client.topic('a'));
  await rest(server, 100);
  for (const text of ['1', '2', '3']) {
    server.publish('a', text);
    await rest(server, 1_000);
  }
  expect([items, errors]).toEqual([['live', '1', '2', '3'], ['storage_failed']]);
});

test('without a storage of browsers it says so and works', async () => {
  const server = new TestServer();
  const { client, errors } = start(server, localStorageOf('alice'));
  const items = collect(client.topic('a'));
  await rest(server, 100);
  expect([items, errors]).toEqual([['live'], ['storage_failed']]);
});

test('a file is never half written', async () => {
  const path = join(folder(), 'state.json');
  const server = new TestServer();
  const { client } = start(server, fileOf(path, fs));
  collect(client.topic('a'));
  while (!existsSync(path)) await rest(server, 600);
  for (let at = 0; at < 20; at += 1) {
    server.publish('a', at);
    await rest(server, 600);
    expect(() => JSON.parse(readFileSync(path, 'utf8')) as unknown).not.toThrow();
  }
});

test('a program may exit once close() has resolved: what was handled is in the file', async () => {
  const path = join(folder(), 'state.json');
  const server = new TestServer();
  const { client } = start(server, fileOf(path, fs));
  const items = collect(client.topic('a'));
  await rest(server, 1_000);
  server.publish('a', '1');
  while (!items.includes('1')) await rest(server, 10);
  await client.close();
  expect([underWay, JSON.parse(readFileSync(path, 'utf8'))]).toMatchObject([0, { positions: { a: { sequence: 1 } } }]);
});
