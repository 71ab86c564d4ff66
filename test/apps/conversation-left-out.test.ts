/** A node is killed behind its commit and before it publishes: its first message of a conversation, of which the log has nothing. */
import { expect, onTestFinished, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import type { Frame } from '../harness/frames.ts';
import { POSTGRESQL, startPostgresql } from '../harness/postgresql-server.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startServer } from '../harness/server.ts';

const LEFT_OUT = JSON.stringify({ event: 'message', type: 'text', content: 'left out' });

test.skipIf(POSTGRESQL === null)(
  'D-11: the first message of a conversation reaches its reader, though its node was killed before it published it',
  { timeout: 60_000 },
  async () => {
    const [postgresql, redis] = await Promise.all([startPostgresql(), startRedis()]);
    onTestFinished(() => {
      postgresql.end();
      redis.end();
    });
    const shared = { 'database.url': await postgresql.database(), 'database.migrate': 'true', 'redis.url': redis.url };
    const node = await startServer({ ...shared, 'server.node_name': 'a' }, [app]);
    const other = await startServer({ ...shared, 'server.node_name': 'b' }, [app]);
    const [ada, bob] = [await connect(node.port, { user: 'ada' }), await connect(other.port, { user: 'bob' })];
    const made = await ada.ask('X-ConversationCreate', { kind: 'group', name: 'Trip', members: ['bob', 'cyd'] });
    if (made.type !== 'Status') throw new Error(JSON.stringify(made.data));
    const { id } = (made.data.details as { readonly conversation: { readonly id: string } }).conversation;
    const heard = (frames: readonly Frame[]): unknown[] =>
      frames
        .filter(({ type, data }) => type === 'Broadcast' && data.topic === `conversation.${id}`)
        .map(({ data }) => [data.sequence, (data.payload as { readonly content: string }).content]);
    const follows = ({ type, data }: Frame): boolean =>
      type === 'Status' && data.status === 'subscribed' && JSON.stringify(data).includes(id);
    await eventually(() => bob.frames.some(follows), 'the reader to follow it');
    await postgresql.query(
      `select conversations.send('{""}', '{${id}}', '{1}', '{1}', '{ada}', '{1}', '{1}', '{1}', '${LEFT_OUT}', '{c-1}', null, null, null, null, true)`,
      'test_1',
    );
    await eventually(() => heard(bob.frames).length > 0, 'what was left out', 15_000);
    expect((await ada.ask('X-ConversationSend', { conversation: id, content: 'next' })).type).toBe('Status');
    await eventually(() => heard(bob.frames).length > 1 && heard(ada.frames).length > 1, 'the next one');
    for (const { frames } of [ada, bob])
      expect(heard(frames)).toEqual([
        [1, 'left out'],
        [2, 'next'],
      ]);
  },
);
