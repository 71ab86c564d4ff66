/** The bytes of one write are shared: no subscription waits behind another that is never empty. */
import { expect, test } from 'vitest';
import { TestRig } from './test-rig.ts';
import { flow, run } from './test-rig-client.ts';

const ROOM = {
  limits: { mailboxCapacity: 50_000, mailboxBytes: 50_000_000 },
  tail: 50_000,
  keep: { messages: 50_000 },
};
const LARGE = JSON.stringify('x'.repeat(1_000));

test('no subscription waits until others of the connection are empty', () => {
  const rig = new TestRig(ROOM);
  const client = rig.connect();
  client.subscribe('chat.busy', 'chat.loud', 'chat.quiet');
  client.take();
  const settle = rig.settle.bind(rig);
  rig.settle = () => rig.clock.endTurn();
  // More in every turn than one write takes, of two topics.
  const publishMuch = (): void => {
    for (const topic of ['chat.busy', 'chat.loud']) rig.publishAtOnce(topic, 40, LARGE);
  };
  publishMuch();
  rig.publishAtOnce('chat.quiet', 1);
  for (let turn = 0; turn < 10; turn += 1) publishMuch();
  const got = flow(client.take());
  expect(got).toContain('chat.quiet 1');
  settle();
  got.push(...flow(client.take()));
  for (const topic of ['chat.busy', 'chat.loud'])
    expect(got.filter((each) => each.startsWith(topic))).toEqual(run(topic, 1, 440));
  expect(rig.unaccounted()).toBe(0);
});

test('a full mailbox whose socket has room is written until it is full no longer', () => {
  const rig = new TestRig({ limits: { mailboxCapacity: 100, mailboxBytes: 1_000_000 }, tail: 100 });
  const client = rig.connect();
  client.subscribe('chat.a');
  client.take();
  rig.publishAtOnce('chat.a', 500, LARGE);
  expect(flow(client.take())).toEqual(run('chat.a', 1, 500));
  expect(rig.counters.displaced).toBe(0);
  expect(rig.unaccounted()).toBe(0);
});

test('what waits behind a message that could not be sent is written', () => {
  const rig = new TestRig();
  const client = rig.connect();
  client.subscribe('chat.a', 'chat.b');
  client.take();
  const { link } = client;
  const send = link.send.bind(link);
  link.send = () => {
    link.send = send;
    throw new Error('a planted fault');
  };
  const settle = rig.settle.bind(rig);
  rig.settle = () => {};
  rig.publishAtOnce('chat.a', 1);
  rig.publishAtOnce('chat.b', 1);
  settle();
  rig.settle = settle;
  expect(flow(client.take())).toEqual(['chat.b 1']);
});
