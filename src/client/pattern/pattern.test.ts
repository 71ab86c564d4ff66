/** What a reader of a pattern takes of the frames that come, one by one. */
import { expect, test } from 'vitest';
import type { ServerFrame } from '../../protocol/wire.ts';
import type { TestServerOptions } from '../testing/index.ts';
import { rig, textOf, type Rig } from '../test-rig.ts';
import { patternOf } from './index.ts';
import { matches } from './pattern-reader.ts';

interface Reading extends Rig {
  readonly seen: string[];
  readonly say: (frame: { readonly type: string; readonly reply_to?: string; readonly data: object }) => Promise<void>;
  readonly message: (topic: string, sequence: number, epoch?: string, replayed?: boolean) => Promise<void>;
  readonly stop: () => void;
}

async function reading(
  positions: Record<string, object> = {},
  recovery: object = {},
  server: TestServerOptions = {},
): Promise<Reading> {
  const world = rig({ server });
  const seen: string[] = [];
  const take = (item: Parameters<typeof textOf>[0]): void => void seen.push(`${item.topic} ${textOf(item)}`);
  const error = ({ reason }: { readonly reason: string }): void => void seen.push(reason);
  const stop = patternOf(world.client, 'a.*').on({ message: take, gap: take, live: take, error });
  // The test server has no patterns: what a server would say is said here.
  world.server.fail('Subscribe', 'not_admitting', 9);
  await world.pass(50);
  const say: Reading['say'] = async (frame) => {
    for (const tap of world.client.taps) tap(frame as ServerFrame);
    await world.pass(0);
  };
  const message: Reading['message'] = (topic, sequence, epoch = 'e1', replayed = false) =>
    say({
      type: 'Broadcast',
      data: { topic, payload: sequence, sequence, epoch, from: 'bob', ...(replayed && { replayed }) },
    });
  const details = { topics: ['a.*'], positions, recovery, rejected: [] };
  await say({ type: 'Status', reply_to: 'x', data: { status: 'subscribed', details } });
  return { ...world, seen, say, message, stop };
}

test('a topic that was silent for so long that it begins anew has lost nothing: its first message is the next one', async () => {
  const { seen, message } = await reading({ 'a.b': { epoch: 'e1', sequence: 7 } });
  await message('a.b', 8);
  await message('a.b', 1, 'e2');
  await message('a.b', 2, 'e2');
  expect(seen).toEqual(['a.* live', 'a.b 8', 'a.b 1', 'a.b 2']);
});

test('live comes when every topic has come to where it stood', async () => {
  const positions = { 'a.b': { epoch: 'e1', sequence: 3 }, 'a.c': { epoch: 'e2', sequence: 0 } };
  const recovery = {
    'a.b': { recovered: true, missed: 1 },
    'a.c': { recovered: false, missed: 0, reason: 'unknown_epoch' },
  };
  const { seen, say, message } = await reading(positions, recovery);
  await message('a.b', 4);
  expect(seen).toEqual(['a.b 4']);
  await say({ type: 'Gap', data: { topic: 'a.c', cause: 'history_lost', epoch: 'e2', sequence: 5 } });
  await say({ type: 'Gap', data: { topic: 'a.b', cause: 'trimmed', epoch: 'e1', from: 3, to: 6, count: 4 } });
  await message('a.b', 6);
  await message('a.b', 7);
  expect(seen).toEqual(['a.b 4', 'a.c gap lost', 'a.* live', 'a.b gap 5..6', 'a.b 7']);
});

test('what is not of the pattern, and what was heard, is left alone; an unannounced hole is asked for again', async () => {
  const { seen, server, message, pass } = await reading({ 'a.b': { epoch: 'e1', sequence: 3 } });
  await message('a.b.c', 4);
  await message('a.b', 3);
  const before = server.frames('Subscribe').length;
  await message('a.b', 5);
  server.cut();
  await pass(2_000);
  expect(seen).toEqual(['a.* live']);
  expect(server.frames('Subscribe').slice(before).at(-1)?.data['topics']).toEqual([
    { topic: 'a.*', positions: { 'a.b': { epoch: 'e1', sequence: 3 } } },
  ]);
});

test('a pattern is unsubscribed when nobody reads it any more, unless the server itself has subscribed to it', async () => {
  const unsubscribed = async (given: readonly string[]): Promise<unknown[]> => {
    const { server, stop, pass } = await reading({}, {}, { given });
    stop();
    await pass(2_000);
    return server.frames('Unsubscribe').map(({ data }) => data);
  };
  expect([await unsubscribed([]), await unsubscribed(['a.*'])]).toEqual([[{ topics: ['a.*'] }], []]);
});

test('what was missed may never come, because its log has lost it: a new message of the topic ends the wait, and so does silence', async () => {
  const recovery = { 'a.b': { recovered: true, missed: 4 }, 'a.c': { recovered: true, missed: 2 } };
  const positions = { 'a.b': { epoch: 'e1', sequence: 3 }, 'a.c': { epoch: 'e1', sequence: 1 } };
  const { seen, server, message, pass } = await reading(positions, recovery);
  await message('a.b', 4, 'e1', true);
  await message('a.b', 5, 'e2');
  await pass(14_000);
  await message('a.c', 2, 'e1', true);
  await pass(14_000);
  const before = server.frames('Subscribe').length;
  expect(seen).toEqual(['a.b 4', 'a.b 5', 'a.c 2']);
  await pass(4_000);
  expect(server.frames('Subscribe').slice(before).at(0)?.data['topics']).toEqual([
    { topic: 'a.*', positions: { 'a.b': { epoch: 'e2', sequence: 5 }, 'a.c': { epoch: 'e1', sequence: 2 } } },
  ]);
});

test('the server may end it', async () => {
  const { seen, say } = await reading();
  await say({
    type: 'Status',
    data: { status: 'unsubscribed', details: { topics: ['a.*'], active_subscriptions: 0 } },
  });
  expect(seen).toEqual(['a.* live', 'unsubscribed']);
});

test.each([
  ['a.*', 'a.b', true],
  ['a.*', 'a.b.c', false],
  ['a.*', 'a', false],
  ['a.**', 'a.b.c', true],
  ['a.**', 'a', false],
  ['a.*.c', 'a.b.c', true],
  ['a.*.c', 'a.b.d', false],
])('%s and %s: %s', (pattern, topic, expected) => expect(matches(pattern, topic)).toBe(expected));
