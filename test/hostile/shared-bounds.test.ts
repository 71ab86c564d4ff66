/** Bounds that all share: one user with a good token and default limits cannot use them up for others. */
import { expect, test } from 'vitest';
import { Backend } from '../harness/backend.ts';
import { connect } from '../harness/client.ts';
import { startServer } from '../harness/server.ts';

const LIMITS = { 'rate_limiting.enabled': 'false' };

test('topics: who makes them by the hundred loses the own ones, and others get new topics', async () => {
  const server = await startServer({ ...LIMITS, 'topics.max_topics': '100' });
  const [mallory, ann] = [await connect(server.port, { user: 'mallory' }), await connect(server.port, { user: 'ann' })];
  await ann.subscribe('chat.quiet');
  for (let at = 0; at < 300; at += 1) expect((await mallory.publish(`hoard.${at}`, at)).type).toBe('Ack');
  expect((await ann.publish('chat.new', 1)).type).toBe('Ack');
  await ann.subscribe('chat.other');
  await mallory.publish('chat.quiet', 'still there');
  expect((await ann.take(1)).map(({ data }) => data.payload)).toEqual(['still there']);
  expect(await server.metric('signalbox_log_topics')).toBeLessThanOrEqual(100);
  expect(await server.metric('signalbox_log_topics_evicted_total')).toBeGreaterThanOrEqual(275);
});

test('topics: who holds the own share by subscribing is refused, told that it is temporary, and others are not', async () => {
  const server = await startServer({ ...LIMITS, 'topics.max_topics': '100' });
  const mallory = await connect(server.port, { user: 'mallory' });
  const topics = Array.from({ length: 60 }, (_, at) => `hoard.${at}`);
  const { rejected } = await mallory.subscribe(...topics);
  expect(rejected).toHaveLength(35);
  const ann = await connect(server.port, { user: 'ann' });
  expect((await ann.subscribe('chat.a')).rejected).toEqual([]);
  const { data } = await mallory.publish('hoard.more', 1);
  expect(data).toMatchObject({ code: 429, reason: 'topic_limit', temporary: true, retry_after_ms: 1_000 });
});

test('direct messages: nodes full of topics take them, and one sender does not push out others', async () => {
  const server = await startServer({ ...LIMITS, 'topics.max_topics': '10' });
  const mallory = await connect(server.port, { user: 'mallory' });
  await mallory.subscribe(...Array.from({ length: 10 }, (_, at) => `hoard.${at}`));
  const ann = await connect(server.port, { user: 'ann' });
  expect((await ann.ask('DirectMessage', { target_user: 'bob', payload: 'from ann' })).type).toBe('Ack');
  const answers: string[] = [];
  for (let at = 0; at < 120; at += 1) {
    const { type, data } = await mallory.ask('DirectMessage', { target_user: 'bob', payload: at });
    answers.push(type === 'Ack' ? 'Ack' : `${String(data['code'])} ${data.reason ?? ''} ${String(data['temporary'])}`);
  }
  expect(answers.slice(50)).toEqual(Array.from({ length: 70 }, () => '429 inbox_full true'));
  const backend = await Backend.on(server);
  const sent = await backend.post({ target_user: 'bob', payload: 'from the shop' });
  expect(sent.status).toBe(200);
  const bob = await connect(server.port, { user: 'bob' });
  const { data } = await bob.ask('History', { topic: '@me', limit: 100 });
  const details = data['details'] as { messages: { data: { from_user: string } }[] };
  const senders = details.messages.map((message) => message.data.from_user);
  expect(senders.filter((from) => from === 'ann')).toHaveLength(1);
  expect(senders).toHaveLength(52);
});

test('sessions: a user who reconnects again and again does not end those of others', async () => {
  const server = await startServer({ ...LIMITS, 'session.capacity': '20', 'session.per_user': '10' });
  const ann = await connect(server.port, { user: 'ann' });
  await ann.subscribe('chat.a');
  const { id } = (await ann.publish('chat.a', 1)).data;
  const { session_id: session } = ann.connected;
  await ann.close();
  for (let at = 0; at < 40; at += 1) {
    const mallory = await connect(server.port, { user: 'mallory' });
    // A session without subscriptions is not kept.
    await mallory.subscribe('chat.a');
    await mallory.close();
  }
  const back = await connect(server.port, { user: 'ann' });
  expect((await back.ask('GetMissedMessages', { since: id, session_id: session })).type).toBe('Status');
});
