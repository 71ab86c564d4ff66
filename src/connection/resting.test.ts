/** What a client notices of a topic that its pattern brings and that was silent for long: nothing. */
import { beforeEach, expect, test } from 'vitest';
import type { Position } from '../protocol/position.ts';
import { REST_SECS, TestRig } from './test-rig.ts';
import { flow, run, type TestClient } from './test-rig-client.ts';

const TOPIC = 'chat.a';

let rig: TestRig;
let client: TestClient;

/** A client that has three messages of a topic by a pattern; the topic rests. */
beforeEach(() => {
  rig = new TestRig();
  client = rig.connect();
  client.subscribe('chat.*');
  rig.publish(TOPIC, 3);
  expect(flow(client.take())).toEqual(run(TOPIC, 1, 3));
  pass();
  expect([client.connection.subscriptions, rig.router.rests(TOPIC)]).toEqual([[], true]);
});

const at = (sequence: number): Position => ({ epoch: rig.position(TOPIC).epoch, sequence });

function pass(): void {
  // The silence of the topic is not that of the client.
  rig.pass(REST_SECS + 1, () => void client.send('Ping'));
  client.take();
}

test('the next message comes, once, and the books hold', () => {
  rig.publish(TOPIC, 2);
  expect(flow(client.take())).toEqual(run(TOPIC, 4, 5));
  pass();
  rig.publish(TOPIC);
  expect(flow(client.take())).toEqual(run(TOPIC, 6, 6));
  expect(rig.unaccounted()).toBe(0);
});

test('who names it has it once, from where it stands', () => {
  expect(client.subscribe(TOPIC)).toMatchObject({ positions: { [TOPIC]: at(3) } });
  rig.publish(TOPIC);
  expect(flow(client.take())).toEqual(run(TOPIC, 4, 4));
});

test('who names it with a position has what is after it', () => {
  client.send('Subscribe', { topics: [{ topic: TOPIC, ...at(1) }] });
  rig.settle();
  expect(flow(client.take())).toEqual(['Status subscribed', ...run(TOPIC, 2, 3, 'replayed')]);
  rig.publish(TOPIC);
  expect(flow(client.take())).toEqual(run(TOPIC, 4, 4));
});

test('unsubscribing the pattern ends it', () => {
  client.ask('Unsubscribe', { topics: ['chat.*'] });
  client.take();
  expect(rig.router.rests(TOPIC)).toBe(false);
  rig.publish(TOPIC);
  expect(client.take()).toEqual([]);
});

test('a live message waits while what was missed is answered', () => {
  rig.broker.holds.add('read');
  const id = client.send('GetMissedMessages', { since: { [TOPIC]: at(1) } });
  rig.publish(TOPIC);
  expect(client.take()).toEqual([]);
  rig.broker.letGo();
  rig.settle();
  const asked = run(TOPIC, 2, 4, `replayed for ${id}`);
  expect(flow(client.take())).toEqual([...asked, 'Status missed_messages', 'chat.a 4']);
});

test('the session keeps the position that was acknowledged, before the silence or during it', () => {
  client.send('Ack', { positions: { [TOPIC]: at(3), 'chat.other': at(1) } });
  client.link.break();
  expect(rig.sessions.saved.get(client.connection.sessionId)?.positions).toEqual({ [TOPIC]: at(3) });
  rig.publish(TOPIC, 2);
  const back = rig.connect();
  const since = `${rig.clock.now()}-1-abcdef`;
  const answer = { since, session_id: client.connection.sessionId };
  expect(back.askStatus('GetMissedMessages', answer)).toMatchObject({ count: 2, topics: { [TOPIC]: at(5) } });
});
