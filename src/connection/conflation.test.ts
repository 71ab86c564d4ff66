/** Slow readers of conflated topics: docs/protocol.md, "Overflow, lag and replay are one path". */
import { afterEach, describe, expect, test } from 'vitest';
import { TestRig, type RigOptions } from './test-rig.ts';
import { flow, type TestClient } from './test-rig-client.ts';

const TOPIC = 'typing.a';

let rig: TestRig;
let client: TestClient;

function open(options: Partial<RigOptions> = {}, format: 'json' | 'msgpack' = 'json', batching = false): void {
  rig = new TestRig({
    tail: 4,
    conflate: { field: 'who' },
    ...options,
    limits: { mailboxCapacity: 4, pageMessages: 3, ...options.limits },
  });
  client = rig.connect('ada', { format, batching });
  client.subscribe(TOPIC);
}

function publish(...payloads: (readonly [string, number])[]): void {
  for (const [who, at] of payloads) rig.publish(TOPIC, 1, JSON.stringify({ who, at }));
}

/** `ann 1`, `Gap 3`. */
function short(): string[] {
  return client.take().map(({ type, data }) => {
    if (type === 'Gap') return `Gap ${String(data['cause'])} ${String(data['count'])}`;
    const { who, at } = data['payload'] as { readonly who: string; readonly at: number };
    return `${who} ${at}`;
  });
}

/** Whatever happened, in the end nothing is queued and the books are in order. */
afterEach(() => {
  expect(rig.unaccounted()).toBe(0);
  expect(rig.deadLetters.total).toBe(0);
  expect(rig.backlog.bytes).toBe(0);
  for (const { queuedCount, queuedBytes } of rig.connections) expect([queuedCount, queuedBytes]).toEqual([0, 0]);
});

describe.each([
  ['json', false],
  ['msgpack', false],
  ['json', true],
] as const)('a reader without room (%s, batches: %s)', (format, batching) => {
  test('gets the newest of each key in their order, and the number of those that gave way before them', () => {
    open({}, format, batching);
    client.stop();
    publish(['ann', 1], ['ann', 2], ['bob', 1], ['ann', 3], ['cy', 1], ['bob', 2], ['ann', 4]);
    client.resume();
    expect(short()).toEqual(['ann 1', 'Gap no_history 3', 'cy 1', 'bob 2', 'ann 4']);
    publish(['ann', 5], ['ann', 6]);
    expect(short()).toEqual(['ann 5', 'ann 6']);
  });
});

describe('the newest of a key', () => {
  test('arrives however long ago it was published and however much has come since', () => {
    open();
    client.stop();
    publish(['ann', 1], ['still', 7]);
    for (let at = 2; at <= 100; at += 1) publish(['ann', at]);
    client.resume();
    expect(short()).toEqual(['ann 1', 'Gap no_history 98', 'still 7', 'ann 100']);
  });

  test('goes page by page as the socket takes it, and what comes meanwhile takes the place of the older', () => {
    open();
    client.stop();
    for (let at = 1; at <= 8; at += 1) publish([`k${at}`, 1]);
    client.link.read(Infinity);
    rig.settle();
    expect(short()).toEqual(['k1 1']);
    client.link.read(Infinity);
    rig.settle();
    expect(short()).toEqual(['k2 1', 'k3 1', 'k4 1']);
    publish(['k8', 2], ['k4', 2], ['k9', 1]);
    client.resume();
    expect(short()).toEqual(['k5 1', 'k6 1', 'k7 1', 'Gap no_history 1', 'k8 2', 'k4 2', 'k9 1']);
  });

  test('is not held back: a reader with room gets every message, whatever its key', () => {
    open();
    rig.publishAtOnce(TOPIC, 50, '{"who":"ann"}');
    expect(client.take()).toHaveLength(50);
    expect(rig.counters.gaps.total).toBe(0);
  });

  test.each([
    ['text', '"ann"', '"ann"', true],
    ['a number', '17', '17', true],
    ['text and a number that read the same', '"17"', '17', false],
    ['an object', '{}', '{}', false],
    ['null', 'null', 'null', false],
    ['text of more than 128 characters', `"${'x'.repeat(130)}"`, `"${'x'.repeat(130)}"`, false],
  ])('is told by %s', (_, one, other, isSame) => {
    open();
    client.stop();
    publish(['first', 0]);
    for (const who of [one, other]) rig.publish(TOPIC, 1, `{ "at": 1, "who" : ${who} }`);
    client.resume();
    const gaps = flow(client.take()).filter((text) => text.startsWith('Gap'));
    expect(gaps).toEqual(isSame ? ['Gap typing.a no_history (1)'] : []);
  });

  test.each([
    ['no object', '5'],
    ['text', '"who"'],
    ['a list', '[{"who":"ann"}]'],
    ['an object without the field', '{"name":"ann","in":{"who":"ann"}}'],
  ])('is every message of its own where the payload is %s', (_, payload) => {
    open();
    client.stop();
    rig.publish(TOPIC, 5, payload);
    client.resume();
    expect(client.take().map(({ type }) => type)).toEqual(Array.from({ length: 5 }, () => 'Broadcast'));
  });

  test('is bounded: beyond so many keys the oldest give way, and are counted', () => {
    open({ conflate: { field: 'who', keys: 3 } });
    client.stop();
    publish(['first', 0]);
    for (let at = 1; at <= 10; at += 1) publish([`k${at}`, at]);
    client.resume();
    expect(short()).toEqual(['first 0', 'Gap no_history 7', 'k8 8', 'k9 9', 'k10 10']);
  });
});

describe('around it', () => {
  test('a mailbox that is full although the socket has room, and one that is emptied because the node has too much', () => {
    open({ totalBytes: 100 });
    const other = rig.connect('bob');
    other.subscribe(TOPIC, 'chat.a');
    other.stop();
    client.stop();
    publish(['ann', 1], ['ann', 2], ['ann', 3]);
    rig.publish('chat.a', 3, '"a message that is longer than a mailbox may be: it has to be read from the log"');
    client.resume();
    other.resume();
    expect(short()).toEqual(['ann 1', 'Gap no_history 1', 'ann 3']);
  });

  test('topics that no rule conflates lose their oldest, as ever', () => {
    open({ conflate: { field: 'other' }, tail: 100 });
    rig = new TestRig({ tail: 4, limits: { mailboxCapacity: 4 } });
    client = rig.connect();
    client.subscribe(TOPIC);
    client.stop();
    for (let at = 1; at <= 8; at += 1) publish(['ann', at]);
    client.resume();
    expect(short()).toEqual(['ann 1', 'Gap no_history 3', 'ann 5', 'ann 6', 'ann 7', 'ann 8']);
  });

  test('a client that unsubscribes while it lags leaves nothing behind, and begins anew at the head', () => {
    open();
    client.stop();
    publish(['ann', 1], ['ann', 2]);
    client.send('Unsubscribe', { topics: [TOPIC] });
    client.resume();
    client.take();
    publish(['ann', 3]);
    client.subscribe(TOPIC);
    publish(['ann', 4]);
    expect(short()).toEqual(['ann 4']);
  });

  test('a pattern brings a conflated topic as well', () => {
    open();
    const other = rig.connect('bob');
    other.subscribe('typing.*');
    other.stop();
    publish(['ann', 1], ['ann', 2], ['ann', 3]);
    other.resume();
    expect(flow(other.take()).map((text) => text.slice(0, 20))).toEqual([
      'typing.a {"who":"ann',
      'Gap typing.a no_hist',
      'typing.a {"who":"ann',
    ]);
    client.take();
  });
});
