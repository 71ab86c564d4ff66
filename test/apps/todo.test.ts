/** A second application, written from docs/applications.md alone: rights of its own that change while clients are connected. */
import { expect, test } from 'vitest';
import { app as todo } from '../../examples/todo/todo.ts';
import { connect } from '../harness/client.ts';
import { startServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

test('members alone read and change a list, and an invitation counts at once', async () => {
  const server = await startServer({}, [todo]);
  const items = async (user: string): Promise<[number, unknown]> => {
    const response = await server.get('/api/todo/home', { authorization: `Bearer ${await tokenOf(user)}` });
    return [response.status, await response.json()];
  };
  const [ada, bob] = [await connect(server.port, { user: 'ada' }), await connect(server.port, { user: 'bob' })];
  expect((await ada.ask('X-TodoAdd', { list: 'home', text: 'Milk' })).data.details).toEqual({ list: 'home' });
  await ada.subscribe('todo.home');
  expect((await bob.ask('Subscribe', { topics: ['todo.home'] })).data.details).toMatchObject({
    rejected: [{ reason: 'not_allowed' }],
  });
  expect((await bob.ask('X-TodoAdd', { list: 'home', text: 'Beer' })).data.reason).toBe('not_found');
  expect((await items('bob'))[0]).toBe(404);

  await ada.ask('X-TodoInvite', { list: 'home', user: 'bob' });
  expect((await bob.next('SystemNotification')).data).toMatchObject({ code: 'todo_invited', data: { list: 'home' } });
  await bob.subscribe({ topic: 'todo.home', from: 'earliest' });
  await bob.ask('X-TodoAdd', { list: 'home', text: 'Beer' });
  const seen = await ada.take(2);
  expect(seen.map(({ data }) => data.payload)).toEqual([
    { kind: 'member', user: 'bob' },
    { kind: 'item', id: expect.any(String), text: 'Beer' },
  ]);
  const [status, body] = await items('bob');
  expect([status, body]).toMatchObject([
    200,
    {
      items: [
        { text: 'Milk', isDone: false },
        { text: 'Beer', isDone: false },
      ],
    },
  ]);
  const { items: rows } = body as { items: { id: string }[] };
  await bob.ask('X-TodoDone', { list: 'home', id: rows[0]?.id });
  expect(await items('ada')).toMatchObject([200, { items: [{ text: 'Milk', isDone: true }, { text: 'Beer' }] }]);
});
