/** What no table keeps, on every frame and route of the applications: refused with the field, and nobody's fault. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { app as accounts } from '../../src/apps/accounts/app.ts';
import { app as conversations } from '../../src/apps/conversations/app.ts';
import { app as media } from '../../src/apps/media/app.ts';
import { connect, type Connection } from '../harness/client.ts';
import { within } from '../harness/deadline.ts';
import { openServer, type TestServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

type Data = Readonly<Record<string, unknown>>;

const NUL = 'a\0b';
const folder = mkdtempSync(join(tmpdir(), 'signalbox-input-'));
let server: TestServer;
let space: string;

beforeAll(async () => {
  const settings = {
    'database.migrate': 'true',
    'apps.conversations.online': 'false',
    'rate_limiting.enabled': 'false',
    'apps.media.folder': folder,
    'apps.accounts.scrypt_log2': '14',
    'apps.accounts.attempts_per_address': '1000',
  };
  server = await openServer(settings, [conversations, accounts, media]);
}, 60_000);
afterAll(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

async function made(client: Connection, data: Data): Promise<string> {
  const { data: answer } = await client.ask('X-ConversationCreate', data);
  return (answer.details as { conversation: { id: string } }).conversation.id;
}

/** Frames that are good but for the fields that are named last. */
const framesOn = (conversation: string): readonly (readonly [type: string, data: Data, ...fields: string[]])[] => [
  ['X-ConversationCreate', { kind: 'private', with: 'bob' }, 'with', 'label', 'withLabel'],
  ['X-ConversationCreate', { kind: 'group', members: ['bob', 'eve'] }, 'name', 'description', 'members'],
  ['X-ConversationGet', { conversation }, 'conversation', 'after'],
  ['X-ConversationUpdate', { conversation }, 'conversation', 'name', 'description'],
  ['X-ConversationArchive', {}, 'conversation'],
  ['X-ConversationAddMembers', { conversation, users: ['zed'] }, 'conversation', 'users'],
  ['X-ConversationRemoveMember', { conversation, user: 'bob' }, 'conversation', 'user'],
  ['X-ConversationLeave', {}, 'conversation'],
  ['X-ConversationSetMember', { conversation, user: 'bob' }, 'conversation', 'user'],
  [
    'X-ConversationSend',
    { conversation, content: 'hi' },
    'conversation',
    'clientId',
    'content',
    'mentions',
    'metadata',
  ],
  ['X-ConversationEdit', { conversation, sequence: 1, content: 'hi' }, 'conversation', 'content'],
  ['X-ConversationDelete', { sequence: 1 }, 'conversation'],
  ['X-ConversationReact', { conversation, sequence: 1, emoji: 'x' }, 'conversation', 'emoji'],
  ['X-ConversationMessages', {}, 'conversation'],
  ['X-ConversationThread', { thread: 1 }, 'conversation'],
  ['X-ConversationSearch', { text: 'hi' }, 'conversation', 'text', 'from'],
  ['X-ConversationRead', {}, 'conversation'],
  ['X-ConversationDelivered', {}, 'conversation'],
  ['X-ConversationPositions', { conversation }, 'conversation', 'after'],
  ['X-ConversationTyping', { isTyping: true }, 'conversation'],
  ['X-ConversationList', {}, 'after'],
];

test('a NUL in any field of any frame on conversations is refused with the field, and no failure of the application', async () => {
  const ada = await connect(server.port, { user: 'ada' });
  const id = await made(ada, { kind: 'group', members: ['bob', 'eve'] });
  await ada.ask('X-ConversationSend', { conversation: id, content: 'hello' });
  for (const [type, data, ...fields] of framesOn(id)) {
    // A client that sends much that is wrong is closed.
    const client = await connect(server.port, { user: 'ada' });
    for (const field of fields) {
      const isList = ['members', 'users', 'mentions'].includes(field);
      const value = field === 'metadata' ? { a: NUL } : isList ? ['bob', 'eve', NUL] : NUL;
      const { data: answer } = await client.ask(type, { ...data, [field]: value });
      expect([type, field, answer.reason]).toEqual([type, field, 'invalid_field']);
      expect(answer.message, `${type} ${field}`).toMatch(new RegExp(`^(data\\.)?${field}[.:]`));
    }
    await client.close();
  }
  expect(await server.samples('signalbox_app_failures_total')).toEqual([]);
});

test.each(['1.5', '-3', '-Infinity', '1e300', '9007199254740993', '0x10', '', ' '])(
  'a search does not go on from %j, which no search has answered',
  async (from) => {
    const ada = await connect(server.port, { user: 'ada' });
    const conversation = await made(ada, { kind: 'private', with: 'bob' });
    const { data } = await ada.ask('X-ConversationSearch', { text: 'hello', conversation, from });
    expect([data.reason, data.message]).toEqual(['invalid_field', expect.stringContaining('from: ')]);
    const { data: all } = await ada.ask('X-ConversationSearch', { text: 'hello', from: `99999999999999${from}.a` });
    expect(all.reason).toBe('invalid_field');
  },
);

interface Asked {
  readonly roles: readonly string[];
  readonly body?: unknown;
}

async function ask(method: string, path: string, { roles, body }: Asked): Promise<[number, string]> {
  const token = await tokenOf('ada', { roles });
  const given = { method, headers: { authorization: `Bearer ${token}` } };
  const text = body === undefined ? undefined : JSON.stringify(body);
  const response = await within(
    fetch(`${server.url}${path}`, { ...given, ...(text !== undefined && { body: text }) }),
    `${method} ${path}`,
  );
  const answer = await response.text();
  return [response.status, answer === '' ? '' : ((JSON.parse(answer) as Answer).error?.message ?? '')];
}

interface Answer {
  readonly error?: { readonly message: string };
}

const C = '/apps/conversations';
const A = '/apps/accounts/users';
const email = 'a@example.com';

test.each([
  ['GET', `${C}/conversations?user=%00`, 'user'],
  ['GET', `${C}/conversations?after=%00`, 'after'],
  ['GET', `${C}/conversations/%00`, 'id'],
  ['GET', `${C}/conversations/SPACE?after=%00`, 'after'],
  ['GET', `${C}/conversations/%00/events`, 'id'],
  ['GET', `${C}/conversations/%00/export`, 'id'],
  ['POST', `${C}/conversations/%00/system-messages`, 'id', { content: 'hi' }],
  ['POST', `${C}/conversations/SPACE/system-messages`, 'content', { content: NUL }],
  ['POST', `${C}/conversations/SPACE/system-messages`, 'metadata', { content: 'hi', metadata: { a: NUL } }],
  ['PUT', `${C}/conversations/%00/members`, 'id', { users: ['ada'] }],
  ['PUT', `${C}/conversations/SPACE/members`, 'users.1', { users: ['ada', NUL] }],
  ['GET', `${C}/users/%00/export`, 'user'],
  ['DELETE', `${C}/users/%00`, 'user'],
  ['POST', '/auth/login', 'email', { email: NUL, password: 'x' }],
  ['PUT', '/users/me', 'displayName', { displayName: NUL }],
  ['PUT', '/users/me', 'bio', { bio: NUL }],
  ['GET', '/users/search?q=a%00b', 'q'],
  ['GET', '/users/%00', 'id'],
  ['POST', A, 'displayName', { email, displayName: NUL }],
  ['POST', A, 'roles.0', { email, roles: [NUL] }],
  ['POST', '/apps/accounts/import', 'users.0.displayName', { users: [{ email, displayName: NUL }] }],
  ['GET', `${A}?after=%00`, 'after'],
  ...['deactivate', 'activate', 'revoke'].map((measure) => ['POST', `${A}/%00/${measure}`, 'user'] as const),
  ['POST', `${A}/%00/password`, 'user', { password: 'correct horse battery' }],
  ['POST', '/apps/media/uploads', 'fileName', { fileName: NUL, fileType: 'image/png' }],
  ['POST', '/apps/media/uploads/%00/complete', 'id'],
  ['GET', '/apps/media/files/%00', 'id'],
  ['POST', '/apps/media/links', 'urls.0', { urls: [NUL] }],
] as const)('a NUL in %s %s is refused with the field %s', async (method, path, field, body?: unknown) => {
  space ??= await made(await connect(server.port, { user: 'shop', roles: ['service'] }), {
    kind: 'space',
    space: 's',
    members: ['ada', 'bob'],
  });
  const answer = await ask(method, path.replace('SPACE', space), { roles: ['service'], body });
  // An id that is none is that of a conversation of nobody.
  if (path.includes('/conversations/%00')) expect(answer).toEqual([404, 'expected a conversation of this user']);
  else expect(answer).toEqual([400, expect.stringMatching(new RegExp(`^${field}: `))]);
  expect(await server.samples('signalbox_app_failures_total')).toEqual([]);
});

test('a body that is nested deeper than schemas can follow, and a user that is too long for an index, are refused', async () => {
  const deep = await within(
    fetch(`${server.url}${C}/conversations/x/system-messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await tokenOf('ada')}` },
      body: `{"content":"hi","metadata":{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}}`,
    }),
    'the answer',
  );
  expect([deep.status, await deep.text()]).toEqual([400, expect.stringContaining('expected at most 32 levels')]);
  for (const [method, path] of [
    ['DELETE', `${C}/users/${'x'.repeat(3_000)}`],
    ['GET', `${C}/users/${'x'.repeat(3_000)}/export`],
  ] as const)
    expect(await ask(method, path, { roles: ['service'] })).toEqual([400, expect.stringContaining('user: expected')]);
});
