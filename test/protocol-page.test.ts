/**
 * docs/protocol.md is what authors of clients live by: its tables are the schema, its examples are accepted, its reasons
 * and codes exist, and a running server sends the frames that it describes and no other fields.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CLOSE_CODES } from '../src/protocol/close-codes.ts';
import { ERRORS } from '../src/protocol/errors.ts';
import { CLIENT_FRAME_TYPES } from '../src/protocol/frames.ts';
import { readFrame } from '../src/protocol/guard.ts';
import { CLIENT_DATA, clientFrame } from '../src/protocol/schema.ts';
import { Admin, ADMIN_TOKEN } from './harness/admin.ts';
import { connect } from './harness/client.ts';
import { startServer } from './harness/server.ts';
import { rowsOf, type Row } from './kit/field-table.ts';
import { frameProblem, headingOf, SERVER_DATA, serverEnvelope, type Heading } from './kit/server-frames.ts';
import { tokenOf } from './harness/tokens.ts';

const PAGE = readFileSync(new URL('../docs/protocol.md', import.meta.url), 'utf8');

/** What stands below a heading, up to the next one. */
function section(heading: string): string {
  const [, rest] = PAGE.split(`\n### ${heading}\n`);
  if (rest === undefined) throw new Error(`expected a heading "### ${heading}" in docs/protocol.md`);
  return rest.split(/^#{2,3} /m)[0] ?? '';
}

function chapter(heading: string): string {
  return PAGE.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
}

/** The rows of the first table of fields in a text; `skip` tables before it. */
function table(text: string, skip = 0): Row[] {
  const start = text.split('| field | type | required | meaning |\n')[skip + 1] ?? '';
  const rows: Row[] = [];
  for (const line of start.split('\n').slice(1)) {
    const [, field, type, required] = /^\| `(.+?)` \| (.+?) \| (yes|no) \| .*\|$/.exec(line) ?? [];
    if (field === undefined || type === undefined) break;
    rows.push({ field, type, required: required === 'yes' });
  }
  return rows;
}

function examples(text: string, kind: 'client' | 'server'): unknown[] {
  const blocks = text.matchAll(new RegExp(`^\`\`\`json ${kind}\\n([\\s\\S]*?)^\`\`\``, 'gm'));
  return [...blocks].map(([, json = '']) => JSON.parse(json) as unknown);
}

function byField(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => (a.field < b.field ? -1 : 1));
}

/** Every field that an example holds: `topics[].from`. */
function fieldsIn(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => fieldsIn(item, `${path}[]`));
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([key, member]) => fieldsIn(member, path === '' ? key : `${path}.${key}`));
}

const CLIENT_HEADINGS = CLIENT_FRAME_TYPES.map((type) => ({
  type,
  heading: type === 'Ack' ? 'Ack of positions' : type,
}));

describe('a frame of the client', () => {
  test.each(CLIENT_HEADINGS)('$type: the table has the fields of the schema, and no others', ({ type, heading }) => {
    expect(byField(table(section(heading)))).toEqual(byField(rowsOf(CLIENT_DATA[type])));
  });

  test.each([...CLIENT_HEADINGS, { type: 'X-', heading: 'X-' }])('$type: there is an example', ({ heading }) => {
    expect(examples(section(heading), 'client').length).toBeGreaterThan(0);
  });

  test('the reader and the schema accept every example, and the tables know its fields', () => {
    const all = examples(PAGE, 'client') as { readonly type: string; readonly data: unknown }[];
    expect(all.length).toBeGreaterThan(CLIENT_FRAME_TYPES.length);
    for (const example of all) {
      expect(readFrame(example, JSON.stringify).type).toBe(example.type);
      if (example.type.startsWith('X-')) continue;
      expect(clientFrame.safeParse(example).success).toBe(true);
      const known = new Set(rowsOf(CLIENT_DATA[example.type as keyof typeof CLIENT_DATA]).map(({ field }) => field));
      const opaque = /^(payload\..*|topics\[\]$|(.*\.)?positions\..*|since\..*|before\..*)/;
      expect(fieldsIn(example.data).filter((field) => !known.has(field) && !opaque.test(field))).toEqual([]);
    }
  });

  test('the envelope is the one of the schema', () => {
    const { Ping } = CLIENT_DATA;
    expect(byField(table(chapter('Frame')))).toEqual(
      byField([
        ...rowsOf(clientFrame).filter(({ field }) => !field.includes('.') && field !== 'data' && field !== 'type'),
        { field: 'type', type: 'string', required: true },
        { field: 'data', type: 'object', required: !Ping.safeParse(undefined).success },
      ]),
    );
  });
});

describe('a frame of the server', () => {
  const headings = Object.keys(SERVER_DATA) as Heading[];

  test.each(headings)('%s: the table has the fields of the schema, and no others', (heading) => {
    expect(byField(table(section(heading)))).toEqual(byField(rowsOf(SERVER_DATA[heading])));
  });

  test.each(headings)('%s: its examples are such frames', (heading) => {
    const all = examples(section(heading), 'server') as { readonly type: string; readonly data: object }[];
    expect(all.length).toBeGreaterThan(0);
    for (const example of all) {
      expect(frameProblem(example)).toBeNull();
      expect(headingOf(example)).toBe(heading);
    }
  });

  test('the envelope is the one of the schema', () => {
    expect(byField(table(chapter('Frame'), 1))).toEqual(byField(rowsOf(serverEnvelope)));
  });

  test('no example stands elsewhere', () => {
    const placed = headings.flatMap((heading) => examples(section(heading), 'server'));
    expect(examples(PAGE, 'server')).toHaveLength(placed.length);
  });
});

describe('reasons and codes', () => {
  const errors = section('Reasons');
  const named = new Set([...errors.matchAll(/`([a-z_]+)`/g)].map(([, reason = '']) => reason));

  test('the table of reasons has every one that there is, and no other', () => {
    expect([...named].toSorted()).toEqual(Object.keys(ERRORS).toSorted());
  });

  test('the errors of every frame exist', () => {
    const lists = [...PAGE.matchAll(/^(?:Reply: .*)?Errors(?:, per topic in `rejected`)?: (.*(?:\n.+)*)/gm)];
    expect(lists.length).toBe(CLIENT_FRAME_TYPES.length + 1);
    for (const [, list = ''] of lists) {
      for (const [, reason = ''] of list.matchAll(/`([a-z_]+)`/g)) expect(Object.keys(ERRORS)).toContain(reason);
    }
  });

  test('the table of close codes has every one that the server sends, by its name', () => {
    const ranges = chapter('Close codes');
    const listed = [...ranges.matchAll(/\b(4\d{3}) ([a-z_]+)/g)].map(([, code, name]) => `${code} ${name}`);
    const own = Object.entries(CLOSE_CODES).filter(([, { code }]) => code >= 4_000);
    expect(listed.toSorted()).toEqual(own.map(([name, { code }]) => `${code} ${name}`).toSorted());
  });
});

test('a running server sends every frame of the page, and in none a field that the page does not name', async () => {
  const server = await startServer({
    'admin.token': ADMIN_TOKEN,
    'topics.history': '10',
    'topics.rules':
      '[{"pattern":"typing.**","history":0},{"pattern":"secret.**","subscribe":["admin"]},{"pattern":"chat.**","presence":"user"}]',
    'actor_system.mailbox_capacity': '10',
  });
  const now = Math.floor(Date.now() / 1_000);
  // 85 % of the token's life are over, so that the server warns of its end.
  const claims = { iat: now - 850, exp: now + 150 };
  const alice = await connect(server.port, { query: { heartbeat: 'frame' }, claims, batching: true });
  const topics = ['chat.lobby', 'typing.a', '@me', 'secret.a', 'game.*'];
  const { epoch = '' } = (await alice.subscribe(...topics)).positions['chat.lobby'] ?? {};
  await alice.ask('Broadcast', { topic: 'chat.lobby', payload: 1, idempotency_key: 'k' });
  await alice.ask('Broadcast', { topic: 'chat.lobby', payload: 2, idempotency_key: 'k' });
  await alice.ask('Broadcast', { topic: 'typing.a', payload: 1 });
  for (const user of ['alice', 'nobody']) await alice.ask('DirectMessage', { target_user: user, payload: 1 });
  for (const topic of ['secret..', '@me']) await alice.ask('Broadcast', { topic, payload: 1 });
  await alice.ask('Nope', {});
  await alice.publishAll(
    'chat.lobby',
    Array.from({ length: 14 }, (_, at) => at),
  );
  await alice.ask('History', { topic: 'chat.lobby', limit: 1 });
  const trimmed = { epoch, sequence: 1 };
  await alice.ask('GetMissedMessages', { since: { 'chat.lobby': trimmed, 'typing.a': trimmed } });
  await alice.subscribe({ topic: 'chat.lobby', ...trimmed }, { topic: 'typing.a', ...trimmed });
  await alice.subscribe({ topic: 'chat.lobby', epoch: 'another', sequence: 1 });
  await alice.ask('Unsubscribe', { topics: ['chat.lobby'] });
  server.beat();
  await alice.next('AuthStatus');
  for (const token of ['no token', await tokenOf('alice')]) await alice.ask('Authenticate', { token });
  const notification = { type: 'SystemNotification', data: { message: 'tea', title: 'At four' } };
  await new Admin(server.port).call('POST', '/admin/broadcast', notification);
  await alice.next('SystemNotification');
  while (alice.untaken('Ping').length === 0) {
    server.beat();
    await alice.ask('Ping', { timestamp: 1 });
  }
  await alice.ask('Presence', { topic: 'chat.lobby', action: 'enter', data: { x: 1 } });
  for (const asked of [{ topic: 'chat.lobby' }, { topics: ['chat.lobby', 'secret.a'] }])
    await alice.ask('PresenceGet', asked);
  const stopping = server.stop();
  await alice.waitFor(({ data }) => data.status === 'draining', 'the news of the drain');
  await stopping;
  expect(alice.frames.map(frameProblem).filter((problem) => problem !== null)).toEqual([]);
  const seen = new Set<string | null>(alice.frames.map(headingOf));
  // "Status" alone is the answer of an extension.
  expect(Object.keys(SERVER_DATA).filter((heading) => !seen.has(heading))).toEqual(['Status']);
});
