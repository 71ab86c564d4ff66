import { beforeEach, describe, expect, test } from 'vitest';
import { TestRig, type RigOptions } from './test-rig.ts';
import type { TestClient } from './test-rig-client.ts';

/** What a publish takes on the virtual clock, in ms. */
let workMs = 0.25;
let rig: TestRig;

beforeEach(() => {
  workMs = 0.25;
  rig = busyRig();
});

/** A node whose clock goes on while it handles a publish. */
function busyRig(options: RigOptions = {}): TestRig {
  const made = new TestRig({
    ...options,
    limits: { connectionRate: { perSecond: 100, burst: 4_000 }, ...options.limits },
  });
  const denial = made.rights.denial.bind(made.rights);
  made.rights.denial = (...args) => {
    made.clock.advance(workMs);
    return denial(...args);
  };
  // Nobody is alone: two have sent something.
  for (const user of ['first', 'second']) made.connect(user).send('Ping', {});
  return made;
}

const publish = (client: TestClient, count: number, payload: unknown = 1): string[] =>
  Array.from({ length: count }, (_, at) =>
    client.send('Broadcast', { topic: `chat.${client.connection.number}-${at}`, payload }),
  );
const answered = (client: TestClient): (string | undefined)[] =>
  client.frames.filter(({ type }) => type === 'Ack').map((frame) => frame.reply_to);

test('a sender has a slice of a turn, and what is beyond waits in order for the next ones', () => {
  const client = rig.connect();
  const sent = publish(client, 200);
  const first = answered(client).length;
  expect(first).toBeGreaterThan(8);
  // Twenty-five whole slices: without them all of the burst would be handled here.
  expect(first).toBeLessThanOrEqual(24);
  rig.clock.endTurn();
  expect(answered(client).length).toBeLessThanOrEqual(first + 16);
  rig.settle();
  expect(answered(client)).toEqual(sent);
});

test('a sender with a lifted bucket has slices like everybody', () => {
  rig = busyRig({ limits: { connectionRate: { perSecond: 1e9, burst: 1e9 } } });
  const client = rig.connect();
  const sent = publish(client, 200);
  expect(answered(client).length).toBeLessThanOrEqual(24);
  rig.settle();
  expect(answered(client)).toEqual(sent);
});

test('a sender that was alone for two seconds has the whole turn, until somebody else sends something', () => {
  const [client, other] = [rig.connect(), rig.connect()];
  client.send('Ping', {});
  rig.pass(2);
  const sent = publish(client, 200);
  expect(answered(client)).toEqual(sent);
  rig.clock.endTurn();
  publish(other, 1);
  expect(publish(client, 200)).toHaveLength(200);
  expect(answered(client).length).toBeLessThanOrEqual(224);
});

test('somebody else who has little to say is answered in the turn in which it comes', () => {
  const [hog, other] = [rig.connect('hog'), rig.connect('other')];
  publish(hog, 200);
  for (let turn = 0; turn < 5; turn += 1) {
    const [id] = publish(other, 1);
    expect(answered(other)).toContain(id);
    rig.clock.endTurn();
  }
  expect(answered(hog).length).toBeLessThan(200);
});

test('those who wait have their turns one after the other', () => {
  const clients = ['a', 'b', 'c'].map((user) => rig.connect(user));
  for (const client of clients) publish(client, 200);
  rig.clock.endTurn();
  rig.clock.endTurn();
  rig.clock.endTurn();
  const counts = clients.map((client) => answered(client).length);
  expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(8);
  expect(Math.max(...counts)).toBeLessThan(100);
});

test('large messages of all senders share a slice', () => {
  workMs = 5;
  const clients = Array.from({ length: 20 }, (_, at) => rig.connect(`user-${at}`));
  const sent = clients.map((client) => publish(client, 2, 'x'.repeat(5_000)));
  const before = rig.clock.elapsed();
  expect(clients.filter((client) => answered(client).length > 0)).toHaveLength(1);
  rig.clock.endTurn();
  expect(rig.clock.elapsed() - before).toBeLessThanOrEqual(5);
  rig.settle();
  expect(clients.map(answered)).toEqual(sent);
});

describe('the end of a connection', () => {
  test('comes after the messages that were sent before it', () => {
    const client = rig.connect();
    publish(client, 50);
    client.link.break();
    expect(rig.counters.received.total).toBeLessThan(50);
    expect(client.connection.lifecycle).toBe('open');
    rig.settle();
    expect(client.connection.lifecycle).not.toBe('open');
    expect(rig.counters.received.of(0).get('Broadcast')).toBe(50);
    expect(rig.context.readingTurns.countOf(client.connection)).toBe(0);
  });

  test('by the server drops them, also when the socket is gone', () => {
    const [first, second] = [rig.connect(), rig.connect()];
    publish(first, 50);
    first.connection.close('disconnected', 'enough');
    publish(second, 50);
    second.link.break();
    second.connection.close('disconnected', 'enough');
    const handled = rig.counters.received.total;
    rig.settle();
    expect(rig.counters.received.total).toBe(handled);
    expect([first, second].map(({ connection }) => [connection.isOpen, connection.transport])).toEqual([
      [false, null],
      [false, null],
    ]);
  });
});

test('what waits is bounded: when it is full, the oldest are read at once and nothing is refused', () => {
  rig = busyRig({ limits: { maxMessageSize: 6_000 } });
  const client = rig.connect();
  const sent = publish(client, 100, 'x'.repeat(5_000));
  expect(answered(client).length).toBeGreaterThanOrEqual(100 - 32 * (6_000 / 5_000));
  rig.settle();
  expect(answered(client)).toEqual(sent);
});

test('who has tokens for a hundred has no more waiting: the rest is refused unread by one answer', () => {
  workMs = 1;
  rig = busyRig({ limits: { connectionRate: { perSecond: 0.001, burst: 120 } } });
  const client = rig.connect();
  const sent = publish(client, 1_000);
  expect(rig.context.readingTurns.countOf(client.connection)).toBeLessThanOrEqual(120);
  rig.settle();
  expect(answered(client)).toEqual(sent.slice(0, answered(client).length));
  expect(answered(client).length).toBeGreaterThanOrEqual(115);
  expect(client.frames.filter(({ type, reply_to: name }) => type === 'Error' && name === undefined)).toHaveLength(1);
});
