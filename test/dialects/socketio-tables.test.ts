/** Event tables of applications: a namespace of Socket.IO with the events that its clients know (docs/socketio.md). */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { eventOf, OWN_TABLE } from '../../src/dialects/socketio/own-events.ts';
import type { App, EventTable, Host, Parts } from '../../src/index.ts';
import { appOf } from '../harness/apps.ts';
import { connect } from '../harness/client.ts';
import { startServer } from '../harness/server.ts';
import { connectSocketIo, socketIo } from '../harness/socket-io.ts';
import { tokenOf } from '../harness/tokens.ts';

const ON = { 'socketio.enabled': 'true' };

const MESSAGING: EventTable = {
  namespace: '/messaging',
  events: {
    join_conversation: {
      type: 'Subscribe',
      data: ([given]) => ({ topics: [`chat.${(given as { conversationId: string }).conversationId}`] }),
      answered: (answer, [given]) => {
        const rejected = answer['rejected'] as readonly { readonly message: string }[] | undefined;
        return answer.ok && rejected?.length === 0
          ? { event: 'conversation:joined', args: [given ?? null] }
          : { event: 'error', args: [{ message: 'Access denied to conversation' }] };
      },
    },
    typing: { type: 'X-Typing', data: ([given]) => given },
    broken: {
      type: 'X-Typing',
      data: () => {
        throw new Error('a table with a fault');
      },
    },
  },
  published: ({ topic, payload, sequence = 0 }) => {
    if (payload === 'hidden') return null;
    if (payload === 'broken') throw new Error('a table with a fault');
    return {
      event: 'message:new',
      args: [{ conversationId: topic.slice('chat.'.length), content: payload, sequence }],
    };
  },
  connecting: ({ userId }, { user }) =>
    userId === undefined || userId === user ? null : 'User does not match the token',
};

function messaging(more: readonly EventTable[] = []): App {
  return appOf('messaging', (host: Host): Parts => {
    return {
      socketio: [MESSAGING, ...more],
      frames: {
        'X-Typing': host.frame({
          schema: (z) => z.strictObject({ isTyping: z.boolean() }),
          handle: ({ isTyping }, { notify, principal }) => {
            notify('typing:seen', { user: principal.user, isTyping });
            return { seen: true };
          },
        }),
      },
    };
  });
}

test('docs/socketio.md has every event of the server, and no other', () => {
  const page = readFileSync(new URL('../../docs/socketio.md', import.meta.url), 'utf8');
  const [, section = ''] = page.split('## What a client emits');
  const rows = (section.split('\n## ')[0] ?? '').matchAll(/^\| ((?:`\w+`(?:, )?)+) \| .* \| (.*) \|$/gm);
  const named = [...rows].flatMap(([, events = '', frames = '']) => {
    const types = frames.split(', ').map((type) => type.replaceAll('`', ''));
    return events.split(', ').map((name, at) => [name.replaceAll('`', ''), types[at]] as const);
  });
  expect(named.map(([name]) => [name, eventOf(OWN_TABLE, name)?.type])).toEqual(named);
  expect(named).toHaveLength(8);
});

describe('a namespace of an application', () => {
  test('has its own events, both ways, over the same connection actor', async () => {
    const server = await startServer(ON, [messaging()]);
    const raw = await connect(server.port, { user: 'bob' });
    const ada = socketIo(server.port, { auth: { token: await tokenOf('ada'), userId: 'ada' } }, '/messaging');
    await ada.next('connect');
    ada.socket.emit('join_conversation', { conversationId: 'c1' });
    expect(await ada.next('conversation:joined')).toEqual([{ conversationId: 'c1' }]);
    for (const payload of ['one', 'hidden', 'two']) await raw.publish('chat.c1', payload);
    const [first] = await ada.next('message:new');
    expect(first).toEqual({ conversationId: 'c1', content: 'one', sequence: 1 });
    expect((await ada.next('message:new'))[0]).toEqual({ conversationId: 'c1', content: 'two', sequence: 3 });
    expect(await ada.ask('typing', { isTyping: true })).toEqual({ ok: true, seen: true });
    expect(await ada.next('typing:seen')).toEqual([{ user: 'ada', isTyping: true }]);
    ada.socket.emit('join_conversation', { conversationId: 'not a name!' });
    expect((await ada.next('error'))[0]).toEqual({ message: 'Access denied to conversation' });
    expect(server.running.node.connections.map(({ over }) => over)).toEqual(['websocket', 'socketio']);
  });

  test('recovers as the server does: the offset is the last argument of its events', async () => {
    const server = await startServer(ON, [messaging()]);
    const raw = await connect(server.port, { user: 'bob' });
    const auth = { token: await tokenOf('ada') };
    const ada = socketIo(server.port, { auth, transports: ['websocket'] }, '/messaging');
    await ada.next('connect');
    await ada.ask('join_conversation', { conversationId: 'c1' });
    await raw.publish('chat.c1', 1);
    await ada.next('message:new');
    await ada.cutOff();
    await raw.publish('chat.c1', 2);
    await ada.comeBack();
    expect(ada.socket.recovered).toBe(true);
    expect((await ada.next('message:new'))[0]).toMatchObject({ content: 2 });
  });

  test('knows no event of the server unless its table says so, and shares a session with the others', async () => {
    const server = await startServer(ON, [messaging()]);
    const auth = { token: await tokenOf('ada') };
    const own = await connectSocketIo(server.port, 'ada');
    const other = own.socket.io.socket('/messaging', { auth });
    expect(await other.timeout(5_000).emitWithAck('subscribe', 'chat.a')).toMatchObject({
      ok: false,
      error: { reason: 'unknown_type' },
    });
    expect(await own.ask('subscribe', 'chat.a')).toMatchObject({ ok: true });
    expect(server.connections).toBe(2);
    other.disconnect();
    expect(await own.ask('publish', { topic: 'chat.a', payload: 1 })).toMatchObject({ ok: true });
    expect(server.connections).toBe(1);
  });

  test('says who may come in, in its own words', async () => {
    const server = await startServer(ON, [messaging()]);
    const eve = socketIo(server.port, { auth: { token: await tokenOf('eve'), userId: 'ada' } }, '/messaging');
    const [error] = (await eve.next('connect_error')) as [Error];
    expect(error.message).toBe('User does not match the token');
    expect(server.connections).toBe(0);
  });

  test('a table with a fault refuses the event, and a publication is a plain message then', async () => {
    const server = await startServer(ON, [messaging()]);
    const raw = await connect(server.port, { user: 'bob' });
    const ada = socketIo(server.port, { auth: { token: await tokenOf('ada') } }, '/messaging');
    await ada.next('connect');
    expect(await ada.ask('broken', 1)).toMatchObject({ ok: false, error: { reason: 'invalid_field' } });
    await ada.ask('join_conversation', { conversationId: 'c1' });
    await raw.publish('chat.c1', 'broken');
    expect(await ada.messages(1)).toMatchObject([{ topic: 'chat.c1', payload: 'broken' }]);
  });

  test('one for / takes the place of the events of the server', async () => {
    const table: EventTable = {
      namespace: '/',
      events: { ping_me: { type: 'Ping' } },
      withServerEvents: true,
    };
    const server = await startServer(ON, [messaging([table])]);
    const ada = await connectSocketIo(server.port, 'ada');
    expect(await ada.ask('ping_me', {})).toMatchObject({ ok: true });
    expect(await ada.ask('subscribe', 'chat.a')).toMatchObject({ ok: true });
  });

  test.each([
    ['a name that is none', { namespace: 'messaging', events: {} }, 'namespaces / or /'],
    ['a frame that there is not', { namespace: '/x', events: { a: { type: 'Nonsense' } } }, 'event a of /x'],
    ['a namespace of another', { namespace: '/messaging', events: {} }, 'namespace /messaging for one application'],
  ])('%s stops the start with the reason', async (_, table, text) => {
    const other = appOf('other', () => ({ socketio: [table] }));
    await expect(startServer(ON, [messaging(), other])).rejects.toThrow(text);
  });
});
