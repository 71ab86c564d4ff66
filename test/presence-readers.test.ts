/** Readers of presence that fall behind, lose their right, or look while much changes, over real sockets. */
import { expect, test } from 'vitest';
import type { PresenceStore } from '../src/presence/presence-store.ts';
import { connect, type Client } from './harness/client.ts';
import { eventually } from './harness/deadline.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

const T = 'chat.lobby';
const ALIAS = `@presence.${T}`;
/** What the log of a topic's presence keeps: docs/presence.md. */
const KEPT = 1_000;

function start(settings: Readonly<Record<string, string>> = {}): Promise<TestServer> {
  const rules = '[{"pattern":"chat.**","presence":"user"}]';
  return startServer({
    'topics.rules': rules,
    'presence.batch_ms': '10',
    'rate_limiting.enabled': 'false',
    ...settings,
  });
}

function storeOf({ running }: TestServer): PresenceStore {
  const service = running.node.parts.context.presence;
  if (service === null) throw new Error('expected presence');
  return service.presence.store;
}

/** Another node's member enters, or leaves: one message each. */
function turn(store: PresenceStore, user: string, op: 'enter' | 'leave'): void {
  const who = `"user":"${user}"`;
  const change =
    op === 'enter'
      ? ({ op, entry: user, member: user, who, data: '{}' } as const)
      : ({ op, entry: user, reason: 'left' } as const);
  store.apply({ topic: T, owner: 'other.1', changes: [change], isLast: false }, () => {});
}

interface Page {
  readonly members: readonly { readonly user: string; readonly sequence: number }[];
  readonly next?: string;
}

async function page(reader: Client, more: object): Promise<Page> {
  const { data } = await reader.ask('PresenceGet', { topic: T, ...more });
  return data.details as Page;
}

/** The members of pages, when the changes after them are applied: docs/presence.md, "Reading". */
function known(reader: Client, pages: readonly Page[]): string[] {
  const found = new Map(pages.flatMap(({ members }) => members.map(({ user, sequence }) => [user, sequence])));
  for (const { type, data } of reader.frames) {
    if (type !== 'Broadcast' || data.topic !== ALIAS) continue;
    const { sequence, payload } = data;
    for (const { op, user } of (payload as { changes: readonly { op: string; user: string }[] }).changes) {
      if (sequence <= (found.get(user) ?? 0)) continue;
      if (op === 'leave') found.delete(user);
      else found.set(user, sequence);
    }
  }
  return [...found.keys()].toSorted();
}

test('a reader who is beyond the end of the log gets a Gap, the rest of the log, and the members from the pages', async () => {
  const server = await start();
  const store = storeOf(server);
  const reader = await connect(server.port, { user: 'reader' });
  const { positions } = await reader.subscribe(ALIAS);
  await reader.close();
  for (const user of ['ada', 'bob']) turn(store, user, 'enter');
  for (let at = 0; at < KEPT; at += 1) turn(store, 'flo', at % 2 === 0 ? 'enter' : 'leave');
  turn(store, 'bob', 'leave');
  const again = await connect(server.port, { user: 'reader' });
  await again.subscribe({ topic: ALIAS, ...positions[ALIAS] });
  expect((await again.next('Gap')).data).toMatchObject({ topic: ALIAS });
  await eventually(() => again.frames.at(-1)?.data.sequence === KEPT + 3, 'the rest of the log');
  expect(again.untaken('Broadcast')).toHaveLength(KEPT);
  expect(known(again, [await page(again, { limit: 500 })])).toEqual(['ada']);
});

test('pages that are read while a thousand changes a second are told are right in the end', async () => {
  const server = await start({ 'presence.threshold': '10000', 'presence.threshold_back': '9000' });
  const store = storeOf(server);
  const reader = await connect(server.port, { user: 'reader' });
  await reader.subscribe(ALIAS);
  for (let at = 0; at < 300; at += 1) turn(store, `u${at}`, 'enter');
  // Ten every ten milliseconds, for as long as ten pages take.
  let changed = 0;
  const changing = setInterval(() => {
    for (let at = 0; at < 10; at += 1) {
      turn(store, `u${changed % 300}`, Math.floor(changed / 300) % 2 === 0 ? 'leave' : 'enter');
      changed += 1;
    }
  }, 10);
  const pages: Page[] = [];
  for (let at = 1; at <= 10; at += 1) {
    const after = pages.at(-1)?.next;
    pages.push(await page(reader, { limit: 50, ...(after === undefined ? {} : { after }) }));
    await eventually(() => changed >= at * 50, 'changes meanwhile');
  }
  clearInterval(changing);
  const { data } = await reader.ask('PresenceGet', { topic: T, limit: 500 });
  const { position, members } = data.details as Page & { readonly position: { readonly sequence: number } };
  await eventually(
    () => reader.frames.some(({ data: told }) => told.sequence === position.sequence),
    'the last change',
  );
  expect(known(reader, pages)).toEqual(members.map(({ user }) => user).toSorted());
});

test('a reader whose new token may not see the members hears no more of them', async () => {
  const rules = '[{"pattern":"chat.**","presence":"user","presence_read":["admin"],"presence_count":["user"]}]';
  const server = await start({ 'topics.rules': rules });
  const reader = await connect(server.port, { user: 'reader', roles: ['admin', 'user'] });
  await reader.subscribe(ALIAS);
  const answer = await reader.ask('Authenticate', { token: await tokenOf('reader', { roles: ['user'] }) });
  expect(answer.data.details).toMatchObject({ unsubscribed: [ALIAS] });
  turn(storeOf(server), 'ada', 'enter');
  // Of the right that is left there is a number.
  const { data } = await reader.ask('PresenceGet', { topic: T });
  expect(data.details).toEqual({ topic: T, count: 1, position: expect.anything() as unknown });
  expect(reader.untaken('Broadcast')).toEqual([]);
});

test('more members than are listed are only counted, and one of them can be asked for', async () => {
  const server = await start({ 'presence.max_members_listed': '3' });
  const reader = await connect(server.port, { user: 'reader' });
  for (const user of ['ada', 'bob', 'eve']) turn(storeOf(server), user, 'enter');
  expect((await page(reader, {})).members.map(({ user }) => user)).toEqual(['ada', 'bob', 'eve']);
  turn(storeOf(server), 'flo', 'enter');
  const ask = async (more: object) => (await reader.ask('PresenceGet', { topic: T, ...more })).data.details;
  expect(await ask({})).toEqual({ topic: T, count: 4, position: expect.anything() as unknown });
  expect(await ask({ user: 'bob' })).toMatchObject({ count: 4, members: [{ user: 'bob' }] });
});
