import { afterEach, describe, expect, test } from 'vitest';
import { TestRig } from './test-rig.ts';
import { flow, run, type TestClient } from './test-rig-client.ts';

const CAPACITY = 4;
const TYPING = 'typing.a';

let rig: TestRig;
let client: TestClient;

function open(options: ConstructorParameters<typeof TestRig>[0], ...topics: string[]): void {
  rig = new TestRig({ ...options, limits: { mailboxCapacity: CAPACITY, pageMessages: 3, ...options?.limits } });
  client = rig.connect();
  client.subscribe(...topics);
}

/** Publishes one message each, a millisecond apart, so that each is older than the next. */
function publishInTurn(...topics: string[]): void {
  for (const topic of topics) {
    rig.clock.advance(1);
    rig.publish(topic);
  }
}

/** Blocks the client's socket with one more message of a topic that nobody looks at further. */
function block(blocked: TestClient): void {
  blocked.stop();
  publishInTurn('filler.a');
}

afterEach(() => {
  expect(rig.unaccounted()).toBe(0);
  expect(rig.deadLetters.total).toBe(0);
});

describe('which entry gives way', () => {
  test('the oldest of all topics: its topic leaves, the others stay queued in order', () => {
    open({}, 'filler.a', 'chat.a', 'chat.b');
    block(client);
    publishInTurn('chat.b', 'chat.a', 'chat.a', 'chat.b', 'chat.a');
    client.resume();
    expect(flow(client.take())).toEqual(['filler.a 1', ...run('chat.a', 1, 3), ...run('chat.b', 1, 2, 'replayed')]);
    expect(rig.counters.displaced).toBe(2);
  });

  test('a topic with one old entry, not the one with most', () => {
    open({}, 'filler.a', 'chat.a', 'chat.b');
    block(client);
    publishInTurn('chat.a', 'chat.b', 'chat.b', 'chat.b', 'chat.b');
    client.resume();
    expect(flow(client.take())).toEqual(['filler.a 1', ...run('chat.b', 1, 4), ...run('chat.a', 1, 1, 'replayed')]);
  });

  test('then the next oldest, when that is not enough', () => {
    open({}, 'filler.a', 'chat.a', 'chat.b', 'chat.c');
    block(client);
    publishInTurn('chat.a', 'chat.b', 'chat.c', 'chat.c', 'chat.c');
    // `chat.a` gave way; two more make `chat.b` the oldest that gives way.
    publishInTurn('chat.c');
    client.resume();
    const frames = flow(client.take());
    expect(frames.slice(0, 5)).toEqual(['filler.a 1', ...run('chat.c', 1, 4)]);
    expect(frames.slice(5).toSorted()).toEqual(['chat.a 1 replayed', 'chat.b 1 replayed']);
  });

  test('of an ephemeral topic only the oldest entries, while logged ones stay', () => {
    open({}, 'filler.a', 'chat.a', TYPING);
    block(client);
    publishInTurn(TYPING, TYPING, 'chat.a', 'chat.a', TYPING, TYPING);
    client.resume();
    const frames = flow(client.take());
    expect(frames).toHaveLength(6);
    expect(frames.filter((text) => text.includes('typing'))).toEqual([
      'Gap typing.a no_history (2)',
      'typing.a 6',
      'typing.a 7',
    ]);
    expect(frames.filter((text) => text.includes('chat'))).toEqual(run('chat.a', 1, 2));
  });

  test('a logged topic that is older than an ephemeral one goes as a whole', () => {
    open({}, 'filler.a', 'chat.a', TYPING);
    block(client);
    publishInTurn('chat.a', TYPING, 'chat.a', TYPING, 'chat.a');
    client.resume();
    expect(flow(client.take())).toEqual(['filler.a 1', 'typing.a 3', 'typing.a 5', ...run('chat.a', 1, 3, 'replayed')]);
  });

  test('bytes bound a mailbox as well as messages', () => {
    open({ limits: { mailboxCapacity: 1_000, mailboxBytes: 2_000 } }, 'filler.a', 'chat.a', 'chat.b');
    block(client);
    const large = JSON.stringify('x'.repeat(400));
    for (const topic of ['chat.a', 'chat.b', 'chat.b', 'chat.b', 'chat.b']) {
      rig.clock.advance(1);
      rig.publish(topic, 1, large);
      expect(client.connection.queuedBytes).toBeLessThanOrEqual(2_000);
    }
    client.resume();
    const frames = flow(client.take());
    expect(frames.filter((text) => text.startsWith('chat.a'))).toEqual(['chat.a 1 replayed']);
    expect(frames.filter((text) => text.startsWith('chat.b')).map((text) => text.slice(0, 8))).toEqual(
      run('chat.b', 1, 4),
    );
    expect(frames.some((text) => text.startsWith('Gap'))).toBe(false);
  });

  test('one message that is larger than a mailbox lags and comes from the log', () => {
    open({ limits: { mailboxBytes: 500 } }, 'filler.a', 'chat.a');
    block(client);
    rig.publish('chat.a', 1, JSON.stringify('x'.repeat(2_000)));
    expect(client.connection.queuedBytes).toBe(0);
    client.resume();
    expect(flow(client.take())).toEqual(['filler.a 1', 'chat.a 1 replayed']);
  });

  test('what has left the tail gives way before anything else', () => {
    open({ tail: 3, limits: { mailboxCapacity: 100 } }, 'filler.a', 'chat.a', 'chat.b');
    block(client);
    publishInTurn('chat.b', 'chat.a', 'chat.a', 'chat.a', 'chat.a', 'chat.a');
    client.resume();
    expect(flow(client.take())).toEqual(['filler.a 1', 'chat.b 1', ...run('chat.a', 1, 5, 'replayed')]);
  });

  test('several lagging topics take turns, page by page', () => {
    open({ limits: { mailboxCapacity: 1 } }, 'filler.a', 'chat.a', 'chat.b');
    block(client);
    for (let at = 0; at < 6; at += 1) publishInTurn('chat.a', 'chat.b');
    client.resume();
    const replayed = flow(client.take()).filter((text) => text.endsWith('replayed'));
    expect(replayed.map((text) => text.slice(0, 6))).toEqual(
      ['chat.a', 'chat.b', 'chat.a', 'chat.b'].flatMap((topic) => [topic, topic, topic]),
    );
    expect(replayed.toSorted()).toEqual([...run('chat.a', 1, 6, 'replayed'), ...run('chat.b', 1, 6, 'replayed')]);
  });
});

describe('all mailboxes of a node together', () => {
  const large = JSON.stringify('x'.repeat(500));

  test('the fattest gives way first, the others stay as they are', () => {
    open({ totalBytes: 5_000, limits: { mailboxCapacity: 1_000 } }, 'filler.a', 'chat.a');
    const fat = rig.connect('bob');
    fat.subscribe('filler.a', 'chat.a', 'chat.b');
    block(client);
    fat.stop();
    publishInTurn('filler.a');
    rig.publish('chat.a', 2, large);
    expect(rig.backlog.bytes).toBeGreaterThan(0);
    rig.publish('chat.b', 6, large);
    expect(rig.backlog.bytes).toBeLessThanOrEqual(5_000);
    expect(client.connection.queuedCount).toBe(3);
    expect(fat.connection.queuedCount).toBeLessThan(3);
    client.resume();
    fat.resume();
    expect(flow(client.take())).toEqual(['filler.a 1', 'filler.a 2', ...run('chat.a', 1, 2)]);
    const frames = flow(fat.take());
    expect(frames.filter((text) => text.startsWith('chat.a'))).toEqual(run('chat.a', 1, 2, 'replayed'));
    expect(frames.filter((text) => text.startsWith('chat.b')).map((text) => text.slice(0, 8))).toEqual(
      run('chat.b', 1, 6),
    );
    expect(rig.counters.gaps.total).toBe(0);
    expect(rig.backlog.bytes).toBe(0);
  });

  test('an ephemeral mailbox that gives way loses what was queued, and says how much', () => {
    open({ totalBytes: 2_000, limits: { mailboxCapacity: 1_000 } }, TYPING);
    client.stop();
    rig.publish(TYPING, 1);
    rig.publish(TYPING, 5, large);
    expect(rig.backlog.bytes).toBeLessThanOrEqual(2_000);
    client.resume();
    const gap = client.take().find(({ type }) => type === 'Gap');
    const received = client.frames.filter(({ type }) => type === 'Broadcast').length;
    expect(gap?.data).toEqual({ topic: TYPING, cause: 'no_history', count: 6 - received });
    expect(received).toBeLessThan(6);
  });

  test('a connection that ends gives its share back', () => {
    open({ totalBytes: 5_000, limits: { mailboxCapacity: 1_000 } }, 'filler.a', 'chat.a');
    block(client);
    rig.publish('chat.a', 2, large);
    expect(rig.backlog.bytes).toBe(client.connection.queuedBytes);
    expect(rig.backlog.bytes).toBeGreaterThan(1_000);
    client.link.break();
    expect(rig.backlog.bytes).toBe(0);
    expect(rig.backlog.blocked.size).toBe(0);
  });
});
