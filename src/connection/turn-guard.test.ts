import { expect, test } from 'vitest';
import { TestRig } from './test-rig.ts';

const RATE = { perSecond: 10, burst: 20 };

test('frames that cost nothing are counted in the turn, and one more than 4,000 closes with 4103', () => {
  const rig = new TestRig({ limits: { connectionRate: RATE } });
  const client = rig.connect();
  for (let at = 0; at < 4_000; at += 1) client.connection.ponged();
  expect(client.link.isClosed).toBe(false);
  client.connection.ponged();
  expect(client.link.closeReason).toBe('rate_limited');
});

test('a large burst moves the bound; the next turn counts anew; every sender is counted alone', () => {
  const rig = new TestRig({ limits: { connectionRate: { perSecond: 10, burst: 2_000 } } });
  const [client, other] = [rig.connect(), rig.connect()];
  for (let turn = 0; turn < 3; turn += 1) {
    for (let at = 0; at < 20_000; at += 1) client.connection.pinged(0);
    rig.clock.endTurn();
  }
  for (let at = 0; at < 20_000; at += 1) client.connection.pinged(0);
  for (let at = 0; at < 20_000; at += 1) other.connection.pinged(0);
  expect([client.link.isClosed, other.link.isClosed]).toEqual([false, false]);
  other.connection.pinged(0);
  expect([client.link.isClosed, other.link.closeReason]).toEqual([false, 'rate_limited']);
});

test('large messages are a flood sooner: every KiB counts as a frame', () => {
  const rig = new TestRig({ limits: { connectionRate: RATE } });
  const client = rig.connect();
  const payload = 'x'.repeat(49_000);
  for (let at = 0; at < 83; at += 1) client.send('Broadcast', { topic: 'chat.a', payload });
  expect(client.link.isClosed).toBe(false);
  client.send('Broadcast', { topic: 'chat.a', payload });
  expect(client.link.closeReason).toBe('rate_limited');
});

// While one of them is handled in slices the others wait, read and unpaid: that was the slowest flood of all.
test('so do Subscribes of a hundred topics, of which each is read before anybody knows that it cannot be paid', () => {
  const rig = new TestRig({ limits: { connectionRate: { perSecond: 10, burst: 200 } } });
  const client = rig.connect();
  const topics = Array.from({ length: 100 }, (_, at) => `flood.${at}`);
  for (let at = 0; at < 2_000; at += 1) client.send('Subscribe', { topics });
  expect(client.link.isClosed).toBe(false);
  client.send('Subscribe', { topics });
  expect(client.link.closeReason).toBe('rate_limited');
});

test('what a turn brings beyond a full bucket is refused unread by one answer; the next turn is read', () => {
  const rig = new TestRig({ limits: { connectionRate: { perSecond: 10, burst: 150 } } });
  const client = rig.connect();
  const sent = Array.from({ length: 3_000 }, () => client.send('Ping'));
  const [answers, errors] = [client.frames.filter(({ type }) => type === 'Pong'), client.frames.filter(isRefusal)];
  expect([answers.length, errors.length]).toEqual([151, 1]);
  expect(errors[0]?.reply_to).toBeUndefined();
  expect(client.link.isClosed).toBe(false);
  rig.clock.endTurn();
  expect(client.ask('Ping').data).toMatchObject({ reason: 'rate_limited' });
  expect(client.repliesTo(sent[0] ?? '')).toHaveLength(1);
});

test('who has tokens is read, however much a turn brings', () => {
  const rig = new TestRig({ limits: { connectionRate: { perSecond: 10, burst: 150 } } });
  const client = rig.connect();
  for (let at = 0; at < 1_000; at += 1) client.send('Ack', { positions: {} });
  expect(client.ask('Broadcast', { topic: 'chat.a', payload: 1 }).type).toBe('Ack');
});

const isRefusal = ({ type }: { readonly type: string }): boolean => type === 'Error';

test('without rate limits nobody is counted', () => {
  const rig = new TestRig({ limits: { limitRates: false } });
  const client = rig.connect();
  for (let at = 0; at < 30_000; at += 1) client.connection.ponged();
  expect(client.link.isClosed).toBe(false);
});

test('a client that pings and does not read is closed with 4108 when its pongs outgrow the control lane', () => {
  const rig = new TestRig({ limits: { controlBytes: 1_000 } });
  const client = rig.connect();
  let buffered = 0;
  client.link.buffered = () => buffered;
  const ping = (): void => client.connection.pinged(98);
  for (let at = 0; at < 100; at += 1) ping();
  buffered = 5_000;
  for (let at = 0; at < 11; at += 1) ping();
  expect(client.link.isClosed).toBe(false);
  // It has read everything: what was counted is forgotten.
  buffered = 0;
  ping();
  buffered = 5_000;
  for (let at = 0; at < 11; at += 1) ping();
  expect(client.link.isClosed).toBe(false);
  ping();
  expect(client.link.closeReason).toBe('control_overflow');
});
