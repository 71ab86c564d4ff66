/** REST of a marketplace's messaging (guide 000), on one node. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { app as conversations } from '../../src/apps/conversations/app.ts';
import { connect } from '../harness/client.ts';
import { MediaServer, png, type Answer } from '../harness/media.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';

const PATH = '/messaging/conversations';
const ORIGIN = 'https://app.524beauty.com';

let server: MediaServer;
beforeAll(async () => {
  server = await MediaServer.open(
    {
      'database.folder': await pgliteFolder(),
      'apps.conversations.admin_roles': 'admin',
      'apps.conversations.online': 'false',
      'security.allowed_origins': ORIGIN,
    },
    conversations,
  );
});
afterAll(() => server.stop());

const get = (user: string, path: string, roles = ['user']): Promise<Answer> => server.ask(path, { user, roles });
const post = (user: string, path: string, json: unknown, roles = ['user']): Promise<Answer> =>
  server.ask(path, { user, roles, json });
const put = (user: string, path: string): Promise<Answer> => server.ask(path, { user, method: 'PUT', json: {} });

/** Of a customer with an artist. */
async function begin(customer: string, artistId: string, more: object = {}): Promise<string> {
  const { status, json } = await post(customer, PATH, { artistId, ...more });
  expect(status).toBe(201);
  return json.data.id;
}

function say(user: string, id: string, content: string): Promise<Answer> {
  return post(user, `${PATH}/${id}/messages`, { messageType: 'text', content });
}

test('A-13, A-16: fifty requests for one pair get one conversation with both sides; a conversation with oneself is a bad request', async () => {
  const asked = await Promise.all(
    Array.from({ length: 50 }, (_, at) =>
      at % 2 === 0
        ? post('ada', PATH, { artistId: 'bea', bookingId: 'b-17' })
        : post('bea', PATH, { customerId: 'ada', bookingId: 'b-17' }),
    ),
  );
  expect(new Set(asked.map(({ status }) => status))).toEqual(new Set([201]));
  expect(new Set(asked.map(({ json }) => json.data.id)).size).toBe(1);
  expect(asked[0]?.json).toEqual({
    success: true,
    data: {
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      customerId: 'ada',
      artistId: 'bea',
      bookingId: 'b-17',
      status: 'active',
      lastMessageAt: expect.any(String),
      unreadCount: 0,
      unreadCountCustomer: 0,
      unreadCountArtist: 0,
      archivedAt: null,
    },
  });
  for (const body of [{ artistId: 'ada' }, { artistId: 7 }, { artistId: '' }, {}, { artistId: 'a\0b' }]) {
    const { status, json } = await post('ada', PATH, body);
    expect([status, json.error.reason, json.error.message]).toEqual([
      400,
      'invalid_field',
      expect.stringMatching(/^artistId: /),
    ]);
  }
});

test('A-14, A-34: a message has one shape, and a page, the answer to its sender and the events of sockets say the same', async () => {
  const id = await begin('cleo', 'dan');
  const dan = await connect(server.server.port, { user: 'dan' });
  await dan.subscribe(`conversation.${id}`);
  const sent = await post('cleo', `${PATH}/${id}/messages`, {
    messageType: 'text',
    content: 'Is <b>Monday</b> free?<script>alert(1)</script>',
    bookingId: 'b-9',
  });
  expect(sent.status).toBe(201);
  const { data } = sent.json;
  expect(data).toEqual({
    id: `${id}.1`,
    conversationId: id,
    senderId: 'cleo',
    senderRole: 'customer',
    messageType: 'text',
    content: 'Is Monday free?alert(1)',
    images: [],
    bookingId: 'b-9',
    sentAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    readAt: null,
  });
  const page = (await get('dan', `${PATH}/${id}/messages`)).json;
  expect(page).toEqual({
    success: true,
    data: [data],
    pagination: { limit: 50, offset: 0, total: 1, hasMore: false },
  });
  // a peer on a socket hears it under the same sequence.
  expect((await dan.next('Broadcast')).data).toMatchObject({ sequence: 1, payload: { content: data.content } });
});

test('A-15: pages of the list do not overlap, go by the last activity, and a limit that is too large is the largest', async () => {
  const ids: string[] = [];
  for (let at = 0; at < 55; at += 1) ids.push(await begin('lister', `artist-${at}`));
  await say('lister', ids[3] ?? '', 'this one moves up');
  const seen: string[] = [];
  for (const offset of [0, 20, 40]) {
    const { json } = await get('lister', `${PATH}?offset=${offset}`);
    expect(json.pagination).toEqual({ limit: 20, offset, total: 55, hasMore: offset < 40 });
    seen.push(...json.data.map((it: { id: string }) => it.id));
  }
  expect(seen).toHaveLength(55);
  expect(new Set(seen)).toEqual(new Set(ids));
  expect(seen.slice(0, 2)).toEqual([ids[3], ids[54]]);
  const { json } = await get('lister', `${PATH}?limit=999`);
  expect([json.pagination.limit, json.data.length]).toEqual([50, 50]);
  expect(json.data[0]).toMatchObject({
    customerId: 'lister',
    artistId: 'artist-3',
    lastMessage: { senderId: 'lister', messageType: 'text', content: 'this one moves up' },
  });
  for (const query of ['limit=0', 'limit=x', 'offset=-1', 'archived=maybe'])
    expect((await get('lister', `${PATH}?${query}`)).json.error.message).toMatch(/^(limit|offset|archived): /);
});

test('A-37, D-34: a list that was read a moment ago is not stale: the next one has the new message and its count', async () => {
  const id = await begin('eli', 'fay');
  for (let round = 1; round <= 3; round += 1) {
    await say('eli', id, `round ${round}`);
    for (const [user, unread] of [
      ['fay', round],
      ['eli', 0],
    ] as const) {
      const { json } = await get(user, PATH);
      expect(json.data[0]).toMatchObject({ id, unreadCount: unread, lastMessage: { content: `round ${round}` } });
      expect([json.data[0].unreadCountCustomer, json.data[0].unreadCountArtist]).toEqual([0, round]);
    }
  }
});

test('A-17, A-19: reading all zeroes the own side, the total is the sum of the conversations, and what is put away comes back with a message', async () => {
  const [one, two] = [await begin('gus', 'hal'), await begin('ida', 'hal')];
  for (const [user, id] of [
    ['gus', one],
    ['gus', one],
    ['ida', two],
  ] as const)
    await say(user, id, 'hello');
  await say('hal', two, 'hello, too');
  const total = async (user: string): Promise<unknown> => (await get(user, '/messaging/unread-count')).json;
  expect(await total('hal')).toEqual({ success: true, data: { unreadCount: 2, conversations: 1 } });
  expect((await put('hal', `/messaging/messages/${one}.1/read`)).json).toEqual({
    success: true,
    data: { conversationId: one, unreadCount: 1 },
  });
  const readTimes = async (user: string, id: string): Promise<(readonly [string, boolean])[]> =>
    (await get(user, `${PATH}/${id}/messages`)).json.data.map(
      ({ senderId, readAt }: { senderId: string; readAt: string | null }) => [senderId, readAt !== null],
    );
  expect(await readTimes('gus', one)).toEqual([
    ['gus', false],
    ['gus', true],
  ]);
  expect((await put('hal', `${PATH}/${one}/read`)).json).toEqual({
    success: true,
    data: { conversationId: one, unreadCount: 0 },
  });
  expect(await total('hal')).toEqual({ success: true, data: { unreadCount: 0, conversations: 0 } });
  // The other side is as it was. An answer reads the messages before it.
  expect(await total('ida')).toEqual({ success: true, data: { unreadCount: 1, conversations: 1 } });
  expect(await readTimes('ida', two)).toEqual([
    ['hal', false],
    ['ida', true],
  ]);
  const archived = (await post('hal', `${PATH}/${one}/archive`, {})).json;
  expect(archived.data).toMatchObject({ id: one, archivedAt: expect.any(String) });
  const listed = async (query = ''): Promise<string[]> =>
    (await get('hal', `${PATH}${query}`)).json.data.map((it: { id: string }) => it.id);
  expect([await listed(), await listed('?archived=true')]).toEqual([[two], [one]]);
  expect((await get('gus', PATH)).json.data).toHaveLength(1);
  await say('gus', one, 'are you there?');
  expect([await listed(), await listed('?archived=true')]).toEqual([[one, two], []]);
  expect((await get('hal', `${PATH}/${one}`)).json.data).toMatchObject({ unreadCount: 1, archivedAt: null });
});

test('A-18: messages come newest first, by limit and offset, without a hole or a repetition', async () => {
  const id = await begin('jan', 'kim');
  for (let at = 1; at <= 7; at += 1) await say('jan', id, String(at));
  const contents: string[] = [];
  for (const offset of [0, 3, 6]) {
    const { json } = await get('kim', `${PATH}/${id}/messages?limit=3&offset=${offset}`);
    expect(json.pagination).toEqual({ limit: 3, offset, total: 7, hasMore: offset < 6 });
    contents.push(...json.data.map((it: { content: string }) => it.content));
  }
  expect(contents).toEqual(['7', '6', '5', '4', '3', '2', '1']);
  expect((await get('kim', `${PATH}/${id}/messages?limit=999`)).json.pagination.limit).toBe(100);
});

test('A-20: each bad body is refused with the name of its field, and nothing of it is stored', async () => {
  const id = await begin('lea', 'mia');
  const bad: readonly (readonly [string, unknown])[] = [
    ['content', { messageType: 'text' }],
    ['content', { messageType: 'text', content: '' }],
    ['content', { messageType: 'text', content: '<b></b>' }],
    ['content', { messageType: 'text', content: ['a'] }],
    ['content', { messageType: 'text', content: 'x'.repeat(4_001) }],
    ['content', { messageType: 'text', content: 'a\0b' }],
    ['messageType', { messageType: 'poem', content: 'a' }],
    ['messageType', { messageType: 7, content: 'a' }],
    ['images', { messageType: 'image', content: 'a' }],
    ['images', { messageType: 'image', images: 'one' }],
    ['images', { messageType: 'image', images: [7] }],
    ['images', { messageType: 'text', content: 'a', images: ['https://elsewhere.example/a.png'] }],
    ['images', { messageType: 'image', images: ['https://elsewhere.example/a.png'] }],
    ['bookingId', { messageType: 'text', content: 'a', bookingId: {} }],
    ['clientId', { messageType: 'text', content: 'a', clientId: 'x'.repeat(200) }],
    ['body', 'text'],
  ];
  for (const [field, body] of bad) {
    const { status, json } = await post('lea', `${PATH}/${id}/messages`, body);
    expect([status, json.error.reason, json.error.message], JSON.stringify(body)).toEqual([
      400,
      'invalid_field',
      expect.stringMatching(new RegExp(`^${field}(\\.\\d+)?: `)),
    ]);
  }
  expect((await get('mia', `${PATH}/${id}/messages`)).json).toMatchObject({ data: [], pagination: { total: 0 } });
  expect((await get('mia', PATH)).json.data[0].unreadCount).toBe(0);
});

test('A-21, C-08: no client sends a system message, whatever its role; an administrator reads, and ends a dispute', async () => {
  const id = await begin('nia', 'oda');
  for (const [user, roles, type, status] of [
    ['nia', ['user'], 'system', 403],
    ['oda', ['user'], 'system', 403],
    ['nia', ['admin'], 'system', 403],
    ['root', ['admin'], 'system', 403],
    ['root', ['admin'], 'text', 404],
    ['eve', ['user'], 'text', 404],
    ['nia', ['user'], 'text', 201],
  ] as const) {
    const sent = await post(user, `${PATH}/${id}/messages`, { messageType: type, content: 'x' }, [...roles]);
    expect([user, type, sent.status]).toEqual([user, type, status]);
  }
});

test('A-41, A-43: a look of an administrator is one row of the audit, also one that is refused, and a dispute ends with a message in sequence', async () => {
  const id = await begin('pam', 'quo');
  await say('pam', id, 'where is it?');
  const admin = `/messaging/admin/conversations`;
  const rows = async (): Promise<{ actor: string; action: string; isAllowed: boolean; conversation: string }[]> =>
    (await get('auditor', '/apps/conversations/audit?limit=200', ['admin'])).json.audit.filter(
      (row: { actor: string }) => row.actor !== 'auditor',
    );
  const before = (await rows()).length;
  const looks = [
    [`${admin}?user=pam`, 'list', null],
    [`${admin}/${id}`, 'view', id],
    [`${admin}/${id}/messages`, 'view_messages', id],
    [`${admin}/${id}/export`, 'export', id],
  ] as const;
  const shown: Answer[] = [];
  for (const [path] of looks) {
    shown.push(await get('root', path, ['admin']));
    expect((await get('pam', path)).status).toBe(403);
  }
  const written = (await rows()).toReversed().slice(before);
  expect(written.map(({ actor, action, isAllowed, conversation }) => [actor, action, isAllowed, conversation])).toEqual(
    looks.flatMap(([, action, conversation]) => [
      ['root', action, true, conversation],
      ['pam', action, false, conversation],
    ]),
  );
  const [list, view, messages, lines] = shown;
  expect(list?.json).toMatchObject({ success: true, data: [{ id, customerId: 'pam', artistId: 'quo' }] });
  expect(view?.json.data).toMatchObject({ id, members: [{ user: 'pam' }, { user: 'quo' }] });
  expect(messages?.json).toMatchObject({ data: [{ id: `${id}.1`, content: 'where is it?' }], pagination: {} });
  expect(JSON.parse(lines?.bytes.toString() ?? '')).toMatchObject({ id: `${id}.1`, senderRole: 'customer' });
  expect((await post('pam', `${admin}/${id}/dispute`, { content: 'I am right' })).status).toBe(403);
  const over = await post('root', `${admin}/${id}/dispute`, { content: 'It is refunded.' }, ['admin']);
  expect([over.status, over.json]).toEqual([
    201,
    { success: true, data: { conversationId: id, messageId: `${id}.2`, status: 'resolved' } },
  ]);
  expect((await get('pam', `${PATH}/${id}`)).json.data.status).toBe('resolved');
  expect((await get('pam', `${PATH}/${id}/messages`)).json.data[0]).toMatchObject({
    id: `${id}.2`,
    messageType: 'system',
    senderRole: 'system',
    content: 'It is refunded.',
  });
});

test('A-29, A-32: an image is announced as the guide does it, and a message names it; one of another conversation is refused', async () => {
  const [id, other] = [await begin('ria', 'sam'), await begin('ria', 'tom')];
  const upload = async (conversationId: string): Promise<string> => {
    const begun = await post('ria', '/messaging/upload-image', {
      fileName: 'test.png',
      fileType: 'image/png',
      conversationId,
    });
    expect(begun.status).toBe(201);
    expect(begun.json).toMatchObject({ success: true, uploadUrl: begun.json.data.uploadUrl });
    expect((await server.put(begun.json.data.uploadUrl, png(300))).status).toBe(200);
    return begun.json.data.publicUrl;
  };
  const [own, elsewhere] = [await upload(id), await upload(other)];
  const send = (images: string[]): Promise<Answer> =>
    post('ria', `${PATH}/${id}/messages`, { messageType: 'image', images });
  const refused = await send([own, elsewhere]);
  expect([refused.status, refused.json.error.message]).toEqual([400, expect.stringMatching(/^images/)]);
  expect((await send([own])).json.data).toMatchObject({ messageType: 'image', images: [own], content: '' });
  expect((await server.ask(own, { user: 'sam' })).bytes.equals(png(300))).toBe(true);
  expect(
    (await post('eve', '/messaging/upload-image', { fileName: 'a.png', fileType: 'image/png', conversationId: id }))
      .status,
  ).toBe(404);
});

test('A-05: pages of the own origin may call these paths, those of others may not', async () => {
  for (const path of [PATH, '/messaging/unread-count', '/conversations', '/conversations/c/messages/c.1/read']) {
    const ask = (origin: string): Promise<Answer> =>
      server.ask(path, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'PUT' } });
    expect((await ask(ORIGIN)).headers.get('access-control-allow-origin')).toBe(ORIGIN);
    expect((await ask('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
  }
});
