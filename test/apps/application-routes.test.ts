/** Every route and frame of conversations, accounts and media: with bodies that nobody would write, and while the database is away. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { app as accounts } from '../../src/apps/accounts/app.ts';
import { app as conversations } from '../../src/apps/conversations/app.ts';
import { app as media } from '../../src/apps/media/app.ts';
import { SeededRandom } from '../../src/simulation/seeded-random.ts';
import { connect } from '../harness/client.ts';
import { eventually, within } from '../harness/deadline.ts';
import { png } from '../harness/media.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { openServer, type TestServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

type Given = string | Uint8Array<ArrayBuffer> | FormData;

interface Answer {
  readonly status: number;
  readonly retryAfter: string | null;
  readonly reason: string | undefined;
}

const PLACES = /^\/(?:conversations|messaging|auth|users|files|apps\/(?:conversations|accounts|media))(?:\/|$)/;

describe.skipIf(POSTGRESQL === null)('all routes and frames', () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-routes-'));
  let postgresql: PostgresqlServer;
  let server: TestServer;
  let tokens: Readonly<Record<'user' | 'service', string>>;
  /** What stands for the parts of paths. */
  let parts: Readonly<Record<string, string>>;
  let bodies: Readonly<Record<string, unknown>>;
  let routes: readonly (readonly [method: string, path: string])[];

  beforeAll(async () => {
    postgresql = await startPostgresql();
    server = await openServer(
      {
        'database.url': await postgresql.database(),
        'database.migrate': 'true',
        'rate_limiting.enabled': 'false',
        'apps.media.folder': folder,
        'apps.accounts.scrypt_log2': '14',
        'apps.accounts.attempts_per_address': '100000',
        'apps.conversations.online': 'false',
      },
      [conversations, accounts, media],
    );
    const service = await tokenOf('desk', { roles: ['service'] });
    tokens = { user: '', service };
    const password = 'correct horse battery staple';
    await made('/apps/accounts/users', { id: 'ada', email: 'ada@example.com', password }, service);
    const { token, refreshToken } = await made('/auth/login', { email: 'ada@example.com', password });
    tokens = { user: token ?? '', service };
    const { conversation } = await made('/conversations', { type: 'PRIVATE', participantIds: ['bob'] });
    const { uploadUrl = '', id: upload = '' } = await made('/apps/media/uploads', {
      fileName: 'a.png',
      fileType: 'image/png',
    });
    parts = {
      conversation: (conversation as unknown as { id: string }).id,
      upload,
      signed: uploadUrl.replace(/^.*signed\//, ''),
    };
    bodies = {
      ...BODIES,
      'POST /auth/refresh': { refreshToken },
      'POST /auth/login': { email: 'ada@example.com', password },
    };
    const { paths } = (await (await server.get('/openapi.json')).json()) as {
      paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
    };
    routes = Object.entries(paths).flatMap(([path, methods]) =>
      PLACES.test(path) ? Object.keys(methods).map((method) => [method.toUpperCase(), path] as const) : [],
    );
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    postgresql.end();
    rmSync(folder, { recursive: true });
  });

  async function made(path: string, body: object, token = tokens.user): Promise<Readonly<Record<string, string>>> {
    const response = await fetch(`${server.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return (await response.json()) as Readonly<Record<string, string>>;
  }

  function pathOf(path: string): string {
    const { conversation = '', upload = '', signed = '' } = parts;
    if (path.startsWith('/apps/media/signed')) return `/apps/media/signed/${signed}`;
    const query = path.endsWith('/search') ? '?q=hello' : '';
    const id = path.startsWith('/apps/media') ? upload : path.startsWith('/users') ? 'ada' : conversation;
    const message = `${conversation}.1`;
    const named: Readonly<Record<string, string>> = {
      id: path.startsWith('/messaging/messages') ? message : id,
      messageId: message,
      emoji: 'x',
    };
    return path.replaceAll(/\{(\w+)\}/g, (_, part: string) => named[part] ?? 'bob') + query;
  }

  async function ask(method: string, path: string, given?: Given): Promise<Answer> {
    const token = /^\/(?:apps\/(?:accounts|conversations)|messaging\/admin)/.test(path) ? tokens.service : tokens.user;
    const response = await within(
      fetch(`${server.url}${pathOf(path)}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(given instanceof Uint8Array && path.startsWith('/apps/media/signed') && { 'content-type': 'image/png' }),
        },
        ...(given !== undefined && { body: given }),
      }),
      `${method} ${path}`,
    );
    const text = await response.text();
    const isJson = response.headers.get('content-type')?.startsWith('application/json') === true && text !== '';
    const { error } = (isJson ? JSON.parse(text) : {}) as { error?: { reason?: string } };
    return { status: response.status, retryAfter: response.headers.get('retry-after'), reason: error?.reason };
  }

  /** As a client would ask. */
  function askWell(method: string, path: string): Promise<Answer> {
    const name = `${method} ${path}`;
    if (/^POST \/(?:files\/upload|apps\/media\/files)$/.test(name)) {
      const form = new FormData();
      form.set('type', 'message_attachment');
      form.set('file', new Blob([png(200)], { type: 'image/png' }), 'a.png');
      return ask(method, path, form);
    }
    if (path.startsWith('/apps/media/signed') && method === 'PUT') return ask(method, path, png(200));
    const body = bodies[name];
    return ask(method, path, body === undefined ? undefined : JSON.stringify(body));
  }

  test('generated bodies of every route are refused or taken, and never a fault of the server', async () => {
    const random = new SeededRandom(15);
    // Of no session: what is taken ends nothing that the others need.
    const session = tokens;
    tokens = { ...tokens, user: await tokenOf('ada') };
    for (const [method, path] of routes.filter(([verb]) => verb === 'POST' || verb === 'PUT')) {
      const good = bodies[`${method} ${path}`] ?? {};
      const texts = [...GARBAGE, ...Array.from({ length: 4 }, () => JSON.stringify(spoilt(good, random)))];
      for (const text of texts) {
        const { status } = await ask(method, path, text);
        expect(status, `${method} ${path} ${String(text).slice(0, 300)}`).toBeLessThan(500);
        if (!path.startsWith('/auth/')) expect(status, path).not.toBe(401);
      }
    }
    for (const [method, path] of routes.filter(([verb]) => verb === 'GET'))
      for (const query of ['limit=-1&offset=x', 'after=%00&before=%ff', 'q=%00%F0%9F%92%A9', 'limit=1&limit=2&=&&=']) {
        const response = await fetch(`${server.url}${pathOf(path).split('?')[0]}?${query}`, {
          headers: { authorization: `Bearer ${tokens.user}` },
        });
        await response.arrayBuffer();
        expect(response.status, `${method} ${path}?${query}`).toBeLessThan(500);
      }
    tokens = session;
    expect(await server.samples('signalbox_app_failures_total')).toEqual([]);
  }, 60_000);

  test('A-23: while the database is away every route answers 503 with Retry-After, every frame is refused for now, live topics flow on, and all of it is back without a restart', async () => {
    const ada = await connect(server.port, { user: 'ada' });
    await ada.subscribe('game.live');
    await postgresql.stop();
    const answers: (readonly [string, Answer])[] = [];
    for (const [method, path] of routes) answers.push([`${method} ${path}`, await askWell(method, path)]);
    const away = { status: 503, retryAfter: '1', reason: 'database_unavailable' };
    const others = answers.filter(([, answer]) => JSON.stringify(answer) !== JSON.stringify(away));
    expect(others).toEqual([
      // These need no table: the token says it, and a link to put bytes is none to get them.
      ['GET /auth/verify', { status: 200, retryAfter: null, reason: undefined }],
      ['GET /apps/media/signed/{id}', { status: 403, retryAfter: null, reason: 'not_allowed' }],
    ]);
    const { conversation } = parts;
    for (const [type, data] of framesOn(conversation ?? ''))
      expect([type, await ada.ask(type, data)]).toMatchObject([
        type,
        { type: 'Error', data: { reason: 'database_unavailable', temporary: true } },
      ]);
    expect((await ada.publish('game.live', 'goes on')).type).toBe('Ack');
    expect((await ada.next('Broadcast')).data).toMatchObject({ topic: 'game.live', payload: 'goes on' });

    await postgresql.start();
    await eventually(async () => (await askWell('GET', '/conversations')).status === 200, 'the database to be back');
    for (const [method, path] of routes) {
      // They would end the session that the others need.
      if (/\/auth\/|DELETE \/apps/.test(`${method} ${path}`)) continue;
      expect((await askWell(method, path)).status, `${method} ${path}`).toBeLessThan(500);
    }
    for (const [type, data] of framesOn(conversation ?? ''))
      expect([type, (await ada.ask(type, data)).data.reason]).not.toEqual([type, 'database_unavailable']);
  }, 60_000);
});

function framesOn(conversation: string): readonly (readonly [type: string, data: object])[] {
  return [
    ['X-ConversationCreate', { kind: 'private', with: 'kim' }],
    ['X-ConversationCreate', { kind: 'group', members: ['bob', 'kim'] }],
    ['X-ConversationCreate', { kind: 'space', space: 's' }],
    ['X-ConversationGet', { conversation }],
    ['X-ConversationUpdate', { conversation, name: 'x' }],
    ['X-ConversationArchive', { conversation }],
    ['X-ConversationAddMembers', { conversation, users: ['kim'] }],
    ['X-ConversationRemoveMember', { conversation, user: 'bob' }],
    ['X-ConversationLeave', { conversation }],
    ['X-ConversationSetMember', { conversation, user: 'bob', role: 'reader' }],
    ['X-ConversationSetMember', { conversation, notifications: false }],
    ['X-ConversationSend', { conversation, content: 'x' }],
    ['X-ConversationEdit', { conversation, sequence: 1, content: 'x' }],
    ['X-ConversationDelete', { conversation, sequence: 1 }],
    ['X-ConversationReact', { conversation, sequence: 1, emoji: 'x' }],
    ['X-ConversationMessages', { conversation }],
    ['X-ConversationThread', { conversation, thread: 1 }],
    ['X-ConversationSearch', { conversation, text: 'hello' }],
    ['X-ConversationRead', { conversation }],
    ['X-ConversationDelivered', { conversation }],
    ['X-ConversationPositions', { conversation }],
    ['X-ConversationTyping', { conversation, isTyping: true }],
    ['X-ConversationList', {}],
    ['X-ConversationUnread', {}],
  ];
}

const GARBAGE: readonly Given[] = [
  '{',
  'null',
  '[]',
  '"text"',
  '{"__proto__":{"toString":1},"constructor":0}',
  `${'['.repeat(20_000)}${']'.repeat(20_000)}`,
  `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`,
  new Uint8Array([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  '{"content":"\\ud800","email":"\\ud800","name":"\\ud800"}',
];

/** A good body in which one value, somewhere, is another one. */
function spoilt(good: unknown, random: SeededRandom, depth = 0): unknown {
  if (typeof good !== 'object' || good === null || random.chance(0.15)) return anything(random, depth);
  const entries = Object.entries(good);
  if (entries.length === 0 || random.chance(0.2))
    entries.push([random.pick(['type', 'metadata', 'limit', '\0', '']), null]);
  const at = random.between(0, entries.length - 1);
  const changed = entries.map(([key, value], index) => [
    key,
    index === at ? spoilt(value, random, depth + 1) : (value as unknown),
  ]);
  return Array.isArray(good) ? changed.map(([, value]) => value) : Object.fromEntries(changed);
}

function anything(random: SeededRandom, depth: number): unknown {
  const text = random.pick([
    '',
    '\0',
    'a\0b',
    '\ud800',
    '💩'.repeat(300),
    'x'.repeat(70_000),
    '../..',
    '<script>',
    "'; drop table x; --",
    '٣',
    '\u202e',
  ]);
  const value = random.pick([null, true, false, 0, -1, 1.5, 1e308, -0, 2 ** 53, text, text, text, [], {}]);
  if (depth < 4 && random.chance(0.3))
    return random.chance(0.5)
      ? [anything(random, depth + 1), value]
      : { [text.slice(0, 50)]: anything(random, depth + 1) };
  return value;
}

/** A good body of each route that has one. */
const BODIES: Readonly<Record<string, unknown>> = {
  'POST /conversations': { type: 'PRIVATE', participantIds: ['bob'] },
  'POST /conversations/{id}/messages': { content: 'x' },
  'PUT /conversations/{id}/messages/{messageId}': { content: 'x' },
  'POST /conversations/{id}/messages/{messageId}/reactions': { emoji: '👍' },
  'POST /conversations/{id}/members': { userIds: ['kim'] },
  'POST /messaging/conversations': { artistId: 'bob' },
  'POST /messaging/conversations/{id}/messages': { messageType: 'text', content: 'x' },
  'POST /messaging/admin/conversations/{id}/dispute': { content: 'x' },
  'POST /messaging/upload-image': { fileName: 'a.png', fileType: 'image/png' },
  'POST /apps/conversations/conversations/{id}/system-messages': { content: 'x' },
  'PUT /apps/conversations/conversations/{id}/members': { users: ['kim'] },
  'POST /auth/logout': {},
  'POST /auth/password': {
    currentPassword: 'correct horse battery staple',
    newPassword: 'another horse battery staple',
  },
  'PUT /conversations/{id}/messages/{messageId}/read': {},
  'PUT /messaging/conversations/{id}/read': {},
  'POST /messaging/conversations/{id}/archive': {},
  'PUT /messaging/messages/{id}/read': {},
  'POST /apps/conversations/recount': {},
  'POST /apps/accounts/users': { email: 'b@example.com', password: 'correct horse battery staple' },
  'POST /apps/accounts/import': { users: [{ email: 'c@example.com' }] },
  'POST /apps/accounts/users/{user}/password': { password: 'correct horse battery staple' },
  'POST /apps/media/uploads': { fileName: 'a.png', fileType: 'image/png' },
  'POST /apps/media/links': { urls: ['/apps/media/files/x'] },
  'PUT /users/me': { bio: 'x' },
};
