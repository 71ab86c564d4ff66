/** Conversations in the client library, against a real node. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import type { Client } from '../../src/client/index.ts';
import { conversations, type ChatMessage, type Conversation } from '../../src/client/conversations/index.ts';
import { eventually } from '../harness/deadline.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { openServer, type TestServer } from '../harness/server.ts';
import { clientOf } from './rig.ts';

interface Opened {
  readonly client: Client;
  readonly chat: Conversation;
  /** Every list of messages that was shown, by their keys. */
  readonly shown: string[][];
  readonly stop: () => void;
}

const contents = (chat: Conversation): unknown[] => chat.getSnapshot().messages.map(({ content }) => content);

describe.skipIf(POSTGRESQL === null)('conversations of the client library', () => {
  let postgresql: PostgresqlServer;
  let server: TestServer;
  beforeAll(async () => {
    postgresql = await startPostgresql();
    const settings = {
      'database.url': await postgresql.database(),
      'database.migrate': 'true',
      'apps.conversations.online': 'false',
      'rate_limiting.enabled': 'false',
    };
    server = await openServer(settings, [app]);
  });
  afterAll(async () => {
    await server.stop();
    postgresql.end();
  });

  async function opened(user: string, id: string): Promise<Opened> {
    const client = clientOf(server, user);
    const chat = conversations(client).open(id);
    const shown: string[][] = [];
    const stop = chat.subscribe(() => shown.push(chat.getSnapshot().messages.map(({ key }) => key)));
    await eventually(() => chat.getSnapshot().status === 'live', `${user} to have opened it`);
    return { client, chat, shown, stop };
  }

  const pair = async (one: string, other: string): Promise<string> => {
    const made = await conversations(clientOf(server, one)).create({ kind: 'private', with: other });
    return made.conversation.id;
  };

  test('D-40: an own message is there at once, and is confirmed in its place: no flicker, no second one', async () => {
    const id = await pair('ada', 'bob');
    const [ada, bob] = [await opened('ada', id), await opened('bob', id)];
    const keys = ['one', 'two', 'three'].map((text) => ada.chat.send(text));
    expect(ada.chat.getSnapshot().messages).toMatchObject(
      keys.map((key) => ({ key, mine: true, from: 'ada', status: 'sending', sequence: undefined })),
    );
    await eventually(() => bob.chat.getSnapshot().messages.length === 3, 'bob to have three');
    await eventually(
      () => ada.chat.getSnapshot().messages.every(({ status }) => status === 'delivered'),
      'all to be delivered',
    );
    expect(ada.chat.getSnapshot().messages.map(({ key, sequence }) => [key, sequence !== undefined])).toEqual(
      keys.map((key) => [key, true]),
    );
    // Whatever was shown in between had each of them once, in the same order.
    for (const rows of ada.shown) expect(rows).toEqual(keys.slice(0, rows.length));
    expect(bob.chat.getSnapshot()).toMatchObject({ unread: 3, me: 'bob' });
    bob.chat.markRead();
    expect(bob.chat.getSnapshot().unread).toBe(0);
    await eventually(() => ada.chat.getSnapshot().messages.every(({ status }) => status === 'read'), 'all to be read');
    expect(ada.chat.getSnapshot().unread).toBe(0);
  });

  test('D-13: both see who types, nobody sees oneself, and a message ends it', async () => {
    const id = await pair('cai', 'dan');
    const [cai, dan] = [await opened('cai', id), await opened('dan', id)];
    cai.chat.typing();
    cai.chat.typing();
    await eventually(() => dan.chat.getSnapshot().typing.join() === 'cai', 'dan to see cai type');
    dan.chat.typing();
    await eventually(() => cai.chat.getSnapshot().typing.join() === 'dan', 'cai to see dan type');
    cai.chat.typing(false);
    await eventually(() => dan.chat.getSnapshot().typing.length === 0, 'dan to see cai stop');
    dan.chat.send('hello');
    await eventually(() => cai.chat.getSnapshot().typing.length === 0, 'cai to see dan stop');
  });

  test('D-41: edits, deletions, reactions and older pages come to everybody who has it open, and to the list', async () => {
    const id = await pair('eve', 'fay');
    const eve = await opened('eve', id);
    for (let n = 1; n <= 60; n += 1) eve.chat.send(`line ${n}`);
    await eventually(() => eve.chat.getSnapshot().messages.at(-1)?.status === 'sent', 'all to be sent');
    const list = conversations(clientOf(server, 'fay')).list();
    list.subscribe(() => {});
    await eventually(() => list.getSnapshot().conversations[0]?.unread === 60, '60 unread ones in the list');
    const fay = await opened('fay', id);
    expect([fay.chat.getSnapshot().messages.length, fay.chat.getSnapshot().hasMore]).toEqual([50, true]);
    expect(await fay.chat.loadOlder()).toBe(false);
    expect(contents(fay.chat)).toEqual(Array.from({ length: 60 }, (_, at) => `line ${at + 1}`));
    const [first, second, third] = eve.chat.getSnapshot().messages.map(({ sequence = 0 }) => sequence);
    await eve.chat.edit(first ?? 0, 'changed');
    await eve.chat.delete(second ?? 0);
    await fay.chat.react(third ?? 0, '👍');
    for (const { chat } of [eve, fay])
      await eventually(() => chat.getSnapshot().messages[2]?.reactions.length === 1, 'the reaction to come');
    expect(fay.chat.getSnapshot().messages.slice(0, 3)).toMatchObject([
      { content: 'changed', isEdited: true },
      { isDeleted: true },
      { reactions: [{ emoji: '👍', count: 1, mine: true }] },
    ]);
    expect(eve.chat.getSnapshot().messages[2]?.reactions).toEqual([{ emoji: '👍', count: 1, mine: false }]);
    fay.chat.markRead();
    await eventually(() => list.getSnapshot().unread === 0, 'the list to have nothing unread');
    // One that begins now reads the same from pages.
    const late = await opened('fay', id);
    await late.chat.loadOlder();
    const bare = ({ messages }: { messages: readonly ChatMessage[] }): unknown =>
      messages.map((message) => ({ ...message, key: undefined, status: undefined, receipts: undefined }));
    expect(bare(late.chat.getSnapshot())).toEqual(bare(fay.chat.getSnapshot()));
  });

  test('D-41: a break loses nothing and shows nothing twice; what is refused can be sent again or taken away', async () => {
    const id = await pair('gus', 'hal');
    const [gus, hal] = [await opened('gus', id), await opened('hal', id)];
    gus.chat.send('before');
    await eventually(() => contents(hal.chat).length === 1, 'the first');
    for (const connection of server.running.node.connections) connection.transport?.terminate();
    gus.chat.send('while away');
    await eventually(() => contents(hal.chat).length === 2, 'the second');
    await eventually(
      () => gus.chat.getSnapshot().messages.at(-1)?.status === 'delivered',
      'the second to be delivered',
    );
    const key = gus.chat.send({ content: 'x'.repeat(20_000) });
    await eventually(() => gus.chat.getSnapshot().messages.at(-1)?.status === 'failed', 'the refusal');
    expect(gus.chat.getSnapshot().messages.at(-1)).toMatchObject({ key, error: { reason: 'invalid_field' } });
    expect(gus.chat.retry(key)).toBe(true);
    expect(gus.chat.getSnapshot().messages.at(-1)?.status).toBe('sending');
    await eventually(() => gus.chat.getSnapshot().messages.at(-1)?.status === 'failed', 'the second refusal');
    expect([gus.chat.discard(key), gus.chat.discard(key)]).toEqual([true, false]);
    expect(contents(gus.chat)).toEqual(['before', 'while away']);
  });

  test('a stranger is refused, in the words for a conversation that is not there', async () => {
    const chat = conversations(clientOf(server, 'ivy')).open(await pair('jan', 'kim'));
    chat.subscribe(() => {});
    await eventually(() => chat.getSnapshot().status === 'refused', 'the refusal');
    expect(chat.getSnapshot().error?.reason).toMatch(/^not_(found|allowed)$/);
  });
});
