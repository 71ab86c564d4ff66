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
