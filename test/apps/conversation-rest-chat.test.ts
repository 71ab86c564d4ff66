/** REST of a complete chat (guide 003), on one node. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { app as conversations } from '../../src/apps/conversations/app.ts';
import { connect } from '../harness/client.ts';
import { MediaServer, pdf, type Answer } from '../harness/media.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';

interface Message {
  readonly id: string;
  readonly content: string;
  readonly status: string;
}

let server: MediaServer;
beforeAll(async () => {
  server = await MediaServer.open(
    { 'database.folder': await pgliteFolder(), 'apps.conversations.online': 'false' },
    conversations,
  );
});
afterAll(() => server.stop());

const get = (user: string, path: string): Promise<Answer> => server.ask(path, { user });
const post = (user: string, path: string, json: unknown, roles = ['user']): Promise<Answer> =>
  server.ask(path, { user, json, roles });
const put = (user: string, path: string, json: unknown = {}): Promise<Answer> =>
  server.ask(path, { user, method: 'PUT', json });
const drop = (user: string, path: string): Promise<Answer> => server.ask(path, { user, method: 'DELETE' });

async function pair(user: string, other: string): Promise<string> {
  return (await post(user, '/conversations', { type: 'PRIVATE', participantIds: [other] })).json.conversation.id;
}

async function say(user: string, id: string, content: string): Promise<Message> {
  const { status, json } = await post(user, `/conversations/${id}/messages`, { type: 'TEXT', content });
  expect([status, json.error]).toEqual([201, undefined]);
  return json.message;
}

async function page(
  user: string,
  id: string,
  query = '',
): Promise<{ messages: Message[]; hasMore: boolean; totalCount: number }> {
  return (await get(user, `/conversations/${id}/messages${query}`)).json;
}

test('D-17, D-30, C-12: conversations of three kinds in capitals; of a pair there is one, also with oneself in the list', async () => {
  const first = await post('ada', '/conversations', { type: 'PRIVATE', participantIds: ['bob'] });
  const again = await post('bob', '/conversations', { type: 'PRIVATE', participantIds: ['ada', 'bob'] });
  expect([first.status, again.status, again.json.conversation.id]).toEqual([201, 200, first.json.conversation.id]);
  expect(first.json.conversation).toEqual({
    id: expect.any(String),
    type: 'PRIVATE',
    status: 'ACTIVE',
    name: null,
    description: null,
    metadata: {},
    participants: [
      expect.objectContaining({ userId: 'ada', role: 'MEMBER', status: 'ACTIVE' }),
      expect.objectContaining({ userId: 'bob', role: 'MEMBER', status: 'ACTIVE' }),
    ],
    unreadCount: 0,
    lastReadMessageId: null,
    lastMessageAt: expect.any(String),
    createdBy: 'ada',
    createdAt: expect.any(String),
    updatedAt: expect.any(String),
  });
  const group = await post('ada', '/conversations', {
    type: 'GROUP',
    name: 'Trip',
    participantIds: ['bob', 'cleo'],
  });
  expect([group.status, group.json.conversation]).toMatchObject([201, { type: 'GROUP', name: 'Trip' }]);
  expect(group.json.conversation.participants[0]).toMatchObject({ userId: 'ada', role: 'OWNER' });
  const space = await post('shop', '/conversations', { type: 'SPACE', spaceId: 's-1', participantIds: ['ada'] }, [
    'service',
  ]);
  expect([space.status, space.json.conversation.type]).toEqual([201, 'SPACE']);
  const id = group.json.conversation.id;
  await say('bob', id, 'hello');
  const { json } = await get('ada', '/conversations');
  expect(json.total).toBe(3);
  expect(json.conversations[0]).toMatchObject({
    id,
    type: 'GROUP',
    name: 'Trip',
    unreadCount: 1,
    participantCount: 3,
    lastMessage: { id: expect.stringMatching(`^${id}\\.\\d+$`), senderId: 'bob', type: 'TEXT', content: 'hello' },
  });
  expect((await get('ada', '/conversations?limit=1&offset=1')).json).toMatchObject({ conversations: [{}], total: 3 });
  expect((await get('ada', `/conversations/${id}`)).json.conversation).toMatchObject({ id, unreadCount: 1 });
  const bad: readonly (readonly [string, unknown])[] = [
    ['type', { type: 'CHANNEL', participantIds: ['bob'] }],
    ['type', { participantIds: ['bob'] }],
    ['participantIds', { type: 'PRIVATE', participantIds: ['bob', 'cleo'] }],
    ['participantIds', { type: 'PRIVATE', participantIds: ['ada'] }],
    ['participantIds', { type: 'PRIVATE' }],
    ['participantIds', { type: 'GROUP', participantIds: ['bob'] }],
    ['participantIds', { type: 'GROUP', participantIds: ['a\0b', 'c'] }],
    ['spaceId', { type: 'SPACE' }],
    ['name', { type: 'GROUP', name: 'x'.repeat(101), participantIds: ['bob', 'cleo'] }],
  ];
  for (const [field, body] of bad) {
    const refused = await post('ada', '/conversations', body);
    expect([refused.status, refused.json.error.message], JSON.stringify(body)).toEqual([
      400,
      expect.stringMatching(new RegExp(`^${field}(\\.\\d+)?: `)),
    ]);
  }
});

test('D-30: pages by ids of messages, put together, are the whole history, while others write', async () => {
  const id = await pair('dan', 'eve');
  const said: string[] = [];
  for (let at = 1; at <= 12; at += 1) {
    await say('dan', id, String(at));
    said.push(String(at));
  }
  const back: string[] = [];
  let before = '';
  for (;;) {
    const { messages, hasMore, totalCount } = await page('eve', id, `?limit=5${before}`);
    back.unshift(...messages.map(({ content }) => content));
    expect(totalCount).toBeGreaterThanOrEqual(12);
    if (!hasMore) break;
    before = `&before=${messages[0]?.id}`;
    await say('dan', id, `later ${back.length}`);
  }
  expect(back).toEqual(said);
  const forth: string[] = [];
  for (let after = `${id}.3`; ;) {
    const { messages, hasMore } = await page('eve', id, `?limit=4&after=${after}`);
    forth.push(...messages.map(({ content }) => content));
    if (!hasMore) break;
    after = messages.at(-1)?.id ?? '';
  }
  expect(forth).toEqual([...said.slice(3), 'later 5', 'later 10']);
  const elsewhere = await pair('dan', 'fay');
  for (const query of ['before=7', `after=${elsewhere}.1`, 'limit=0', 'after=', `before=${id}.0`])
    expect((await get('eve', `/conversations/${id}/messages?${query}`)).json.error).toMatchObject({
      reason: 'invalid_field',
      message: expect.stringMatching(/^(before|after|limit): /),
    });
});

test('D-15: reading up to a message answers with what is left, and moves one position with the frames', async () => {
  const id = await pair('gus', 'hal');
  for (const content of ['1', '2', '3']) await say('gus', id, content);
  const read = (at: number): Promise<Answer> => put('hal', `/conversations/${id}/messages/${id}.${at}/read`);
  expect((await read(2)).json).toEqual({ success: true, unreadCount: 1 });
  // Back is nowhere.
  expect((await read(1)).json).toEqual({ success: true, unreadCount: 1 });
  const hal = await connect(server.server.port, { user: 'hal' });
  expect((await hal.ask('X-ConversationUnread', undefined)).data.details).toEqual({ unread: 1, conversations: 1 });
  expect((await get('hal', '/conversations')).json.conversations[0]).toMatchObject({
    unreadCount: 1,
    lastReadMessageId: `${id}.2`,
  });
  expect((await page('gus', id)).messages.map(({ status }) => status)).toEqual(['READ', 'READ', 'SENT']);
  await hal.ask('X-ConversationDelivered', { conversation: id });
  expect((await page('gus', id)).messages.map(({ status }) => status)).toEqual(['READ', 'READ', 'DELIVERED']);
  await hal.ask('X-ConversationRead', { conversation: id });
  expect((await page('hal', id)).messages.map(({ status }) => status)).toEqual(['READ', 'READ', 'READ']);
});

test('D-07, D-10: a message in the shape of the guide; its optimisticId again is its first place, and sockets hear it once', async () => {
  const id = await pair('ida', 'jan');
  const jan = await connect(server.server.port, { user: 'jan' });
  await jan.subscribe(id);
  const body = {
    type: 'TEXT',
    content: '<script>alert(1)</script> & more',
    optimisticId: 'o-1',
    metadata: { mentions: ['jan'], color: 'red' },
  };
  const sent = await post('ida', `/conversations/${id}/messages`, body);
  const again = await post('ida', `/conversations/${id}/messages`, body);
  expect([sent.status, again.status]).toEqual([201, 200]);
  expect(again.json).toEqual(sent.json);
  expect(sent.json.message).toEqual({
    id: `${id}.1`,
    conversationId: id,
    senderId: 'ida',
    type: 'TEXT',
    content: body.content,
    status: 'SENT',
    attachments: [],
    metadata: { color: 'red', mentions: ['jan'] },
    serverTimestamp: expect.any(String),
    createdAt: expect.any(String),
    updatedAt: expect.any(String),
  });
  // Inert: it is JSON, and no browser takes it for anything else.
  expect([sent.headers.get('content-type'), sent.headers.get('x-content-type-options')]).toEqual([
    'application/json',
    'nosniff',
  ]);
  const answer = await post('jan', `/conversations/${id}/messages`, { content: 'yes', parentMessageId: `${id}.1` });
  expect(answer.json.message).toMatchObject({ parentMessageId: `${id}.1`, threadId: `${id}.1`, type: 'TEXT' });
  expect((await jan.take(2)).map(({ data }) => data.sequence)).toEqual([1, 2]);
  const { messages } = await page('jan', id);
  expect(messages[0]).toEqual({ ...sent.json.message, status: 'READ' });
});

test('D-23: each bad body is refused with the name of its field in this interface', async () => {
  const id = await pair('kim', 'lea');
  const bad: readonly (readonly [string, unknown])[] = [
    ['content', { type: 'TEXT' }],
    ['content', { type: 'TEXT', content: 7 }],
    ['content', { type: 'TEXT', content: ' ' }],
    ['type', { type: 'POEM', content: 'a' }],
    ['type', { type: 7, content: 'a' }],
    ['attachments', { type: 'IMAGE' }],
    ['attachments', { type: 'TEXT', content: 'a', attachments: 'b' }],
    ['attachments', { type: 'FILE', attachments: [{ url: 'https://elsewhere.example/a.pdf' }] }],
    ['parentMessageId', { content: 'a', parentMessageId: 'c.1' }],
    ['parentMessageId', { content: 'a', parentMessageId: 7 }],
    ['metadata', { content: 'a', metadata: [] }],
    ['metadata.mentions', { content: 'a', metadata: { mentions: 'b' } }],
    ['optimisticId', { content: 'a', optimisticId: 'x'.repeat(129) }],
  ];
  for (const [field, body] of bad) {
    const { status, json } = await post('kim', `/conversations/${id}/messages`, body);
    expect([status, json.error.message], JSON.stringify(body)).toEqual([
      400,
      expect.stringMatching(new RegExp(`^${field.replace('.', '\\.')}(\\.\\d+)?: `)),
    ]);
  }
  expect((await post('kim', `/conversations/${id}/messages`, { type: 'SYSTEM', content: 'a' })).status).toBe(403);
  expect(await page('lea', id)).toEqual({ messages: [], hasMore: false, totalCount: 0 });
});

test('D-28: an edit is seen in the page, and a deleted message is in no list and no longer says anything', async () => {
  const id = await pair('mia', 'nia');
  for (const content of ['frist', 'secret', 'third']) await say('mia', id, content);
  const path = (at: number): string => `/conversations/${id}/messages/${id}.${at}`;
  const edited = await put('mia', path(1), { content: 'first' });
  expect([edited.status, edited.json.message]).toMatchObject([200, { id: `${id}.1`, content: 'first' }]);
  expect(edited.json.message.updatedAt > edited.json.message.createdAt).toBe(true);
  expect((await put('nia', path(1), { content: 'mine' })).status).toBe(403);
  expect((await drop('nia', path(2))).status).toBe(403);
  expect((await drop('mia', path(2))).json).toEqual({ success: true, messageId: `${id}.2` });
  expect((await put('mia', path(2), { content: 'again' })).status).toBe(409);
  expect((await page('nia', id)).messages.map(({ id: of, content }) => [of, content])).toEqual([
    [`${id}.1`, 'first'],
    [`${id}.3`, 'third'],
  ]);
  expect(JSON.stringify((await get('nia', '/conversations/search?q=secret')).json)).toBe('{"messages":[],"next":null}');
  expect((await get('nia', '/conversations/search?q=THIR')).json.messages).toMatchObject([{ id: `${id}.3` }]);
  expect((await get('nia', '/conversations/search?q=t')).json.error.message).toMatch(/^q: /);
});

test('D-27: a reaction counts once for each user, is in the page, and is taken back', async () => {
  const id = await pair('oda', 'pam');
  await say('oda', id, 'hello');
  const path = `/conversations/${id}/messages/${id}.1/reactions`;
  for (const user of ['oda', 'pam', 'pam'])
    expect((await post(user, path, { emoji: '👍' })).json).toMatchObject({ success: true, emoji: '👍' });
  expect((await page('pam', id)).messages[0]).toMatchObject({ reactions: [{ emoji: '👍', count: 2, mine: true }] });
  expect((await drop('pam', `${path}/${encodeURIComponent('👍')}`)).json).toEqual({
    success: true,
    emoji: '👍',
    count: 1,
  });
  expect((await post('pam', path, { emoji: '' })).json.error.message).toMatch(/^emoji: /);
});

test('D-19: members come and go; those of a pair do not, and former members see no new messages', async () => {
  const { json } = await post('quo', '/conversations', { type: 'GROUP', participantIds: ['ria', 'sam'] });
  const { id } = json.conversation;
  expect((await post('quo', `/conversations/${id}/members`, { userIds: ['tom'], role: 'READER' })).json).toEqual({
    success: true,
    added: ['tom'],
  });
  expect((await post('tom', `/conversations/${id}/messages`, { content: 'x' })).status).toBe(403);
  expect((await drop('ria', `/conversations/${id}/members/sam`)).status).toBe(403);
  expect((await drop('quo', `/conversations/${id}/members/sam`)).json).toEqual({ success: true });
  expect((await drop('ria', `/conversations/${id}/members/ria`)).json).toEqual({ success: true });
  expect((await drop('quo', `/conversations/${id}/members/nobody`)).json.error.message).toMatch(/^userId: /);
  await say('quo', id, 'we are two');
  for (const user of ['sam', 'ria']) {
    expect((await page(user, id)).messages).toEqual([]);
    expect((await post(user, `/conversations/${id}/messages`, { content: 'x' })).status).toBe(404);
  }
  const two = await pair('quo', 'ria');
  for (const answer of [
    await post('quo', `/conversations/${two}/members`, { userIds: ['tom'] }),
    await drop('quo', `/conversations/${two}/members/ria`),
    await drop('quo', `/conversations/${two}/members/quo`),
  ])
    expect([answer.status, answer.json.error.reason]).toEqual([409, 'wrong_state']);
  expect((await post('quo', `/conversations/${id}/members`, { userIds: [] })).json.error.message).toMatch(/^userIds: /);
});

test('D-30: a file is uploaded as the guide does it, and a message has it', async () => {
  const id = await pair('una', 'vic');
  const form = new FormData();
  form.set('type', 'message_attachment');
  form.set('conversation', id);
  form.set('file', new Blob([pdf(900)]), 'report.pdf');
  const uploaded = await server.ask('/files/upload', { user: 'una', body: form });
  expect([uploaded.status, uploaded.json]).toMatchObject([
    201,
    { filename: 'report.pdf', mimeType: 'application/pdf' },
  ]);
  const sent = await post('una', `/conversations/${id}/messages`, {
    type: 'FILE',
    content: 'look',
    attachments: [{ url: uploaded.json.url, name: 'whatever' }],
  });
  expect([sent.status, sent.json.message]).toMatchObject([
    201,
    { type: 'FILE', attachments: [{ url: uploaded.json.url, name: 'report.pdf', mime: 'application/pdf' }] },
  ]);
});

test('every route of both guides is in the OpenAPI document of the server, with its answers', async () => {
  const { paths } = (await server.ask('/openapi.json')).json as { paths: Record<string, Record<string, unknown>> };
  const here = Object.entries(paths)
    .filter(([path]) => /^\/(conversations|messaging|files)(\/|$)/.test(path))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
  expect(here.toSorted()).toMatchInlineSnapshot(`
    [
      "DELETE /conversations/{id}/members/{userId}",
      "DELETE /conversations/{id}/messages/{messageId}",
      "DELETE /conversations/{id}/messages/{messageId}/reactions/{emoji}",
      "GET /conversations",
      "GET /conversations/search",
      "GET /conversations/{id}",
      "GET /conversations/{id}/messages",
      "GET /messaging/admin/conversations",
      "GET /messaging/admin/conversations/{id}",
      "GET /messaging/admin/conversations/{id}/export",
      "GET /messaging/admin/conversations/{id}/messages",
      "GET /messaging/conversations",
      "GET /messaging/conversations/{id}",
      "GET /messaging/conversations/{id}/messages",
      "GET /messaging/unread-count",
      "POST /conversations",
      "POST /conversations/{id}/members",
      "POST /conversations/{id}/messages",
      "POST /conversations/{id}/messages/{messageId}/reactions",
      "POST /files/upload",
      "POST /messaging/admin/conversations/{id}/dispute",
      "POST /messaging/conversations",
      "POST /messaging/conversations/{id}/archive",
      "POST /messaging/conversations/{id}/messages",
      "POST /messaging/upload-image",
      "PUT /conversations/{id}/messages/{messageId}",
      "PUT /conversations/{id}/messages/{messageId}/read",
      "PUT /messaging/conversations/{id}/read",
      "PUT /messaging/messages/{id}/read",
    ]
  `);
});
