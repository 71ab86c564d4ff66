import { beforeEach, describe, expect, test } from 'vitest';
import type { Position } from '../protocol/position.ts';
import { TestRig } from './test-rig.ts';
import { flow, run, type Frame, type TestClient } from './test-rig-client.ts';

const TOPIC = 'chat.a';

let rig: TestRig;
let client: TestClient;

function open(options: ConstructorParameters<typeof TestRig>[0] = {}): void {
  rig = new TestRig(options);
  client = rig.connect();
}

const at = (topic: string, sequence: number): Position => ({ epoch: rig.position(topic).epoch, sequence });

/** The id of the message with this payload. */
function idOf(frames: readonly Frame[], payload: unknown): string {
  const id = frames.find(({ data }) => data['payload'] === payload)?.id;
  if (id === undefined) throw new Error(`no message ${String(payload)}`);
  return id;
}

beforeEach(() => open());

describe('GetMissedMessages with positions', () => {
  test('gives what came after them, ascending per topic, marked as the answer, then the Status', () => {
    rig.publish(TOPIC, 5);
    rig.publish('chat.b', 3);
    const since = { [TOPIC]: at(TOPIC, 2), 'chat.b': at('chat.b', 0) };
    const id = client.send('GetMissedMessages', { since });
    rig.settle();
    const frames = client.take();
    expect(flow(frames)).toEqual([
      ...run(TOPIC, 3, 5, `replayed for ${id}`),
      ...run('chat.b', 1, 3, `replayed for ${id}`),
      'Status missed_messages',
    ]);
    expect(frames.at(-1)).toEqual({
      type: 'Status',
      reply_to: id,
      data: {
        status: 'missed_messages',
        details: {
          count: 6,
          complete: true,
          topics: {
            [TOPIC]: { ...at(TOPIC, 5), recovered: true },
            'chat.b': { ...at('chat.b', 3), recovered: true },
          },
        },
      },
    });
  });

  test('reads page by page, and says nothing twice', () => {
    open({ limits: { pageMessages: 4 } });
    rig.publish(TOPIC, 30);
    const details = client.askStatus('GetMissedMessages', { since: { [TOPIC]: at(TOPIC, 0) } });
    expect(details).toMatchObject({ count: 30, complete: true });
    expect(
      client
        .take()
        .slice(0, 30)
        .map(({ data }) => data['sequence']),
    ).toEqual(Array.from({ length: 30 }, (_, index) => index + 1));
  });

  test('goes on when the socket has room again', () => {
    open({ limits: { pageMessages: 4 } });
    rig.publish(TOPIC, 10);
    client.stop();
    const id = client.send('GetMissedMessages', { since: { [TOPIC]: at(TOPIC, 0) } });
    rig.settle();
    expect(client.repliesTo(id)).toEqual([]);
    client.resume();
    expect(flow(client.take())).toEqual([...run(TOPIC, 1, 10, `replayed for ${id}`), 'Status missed_messages']);
  });

  test('at the head nothing is missed', () => {
    rig.publish(TOPIC, 5);
    expect(client.askStatus('GetMissedMessages', { since: { [TOPIC]: at(TOPIC, 5) } })).toEqual({
      count: 0,
      complete: true,
      topics: { [TOPIC]: { ...at(TOPIC, 5), recovered: true } },
    });
  });

  test('topics narrow it down', () => {
    rig.publish(TOPIC, 2);
    rig.publish('chat.b', 2);
    const since = { [TOPIC]: at(TOPIC, 0), 'chat.b': at('chat.b', 0) };
    expect(client.askStatus('GetMissedMessages', { since, topics: ['chat.b'] })).toMatchObject({
      count: 2,
      topics: { 'chat.b': { recovered: true } },
    });
    expect(flow(client.take()).filter((text) => text.startsWith(TOPIC))).toEqual([]);
  });

  test.each([
    ['what the log no longer has', 'trimmed', 'chat.short', (): Position => at('chat.short', 1), 2],
    ['a position of another epoch', 'unknown_epoch', TOPIC, (): Position => ({ epoch: 'another', sequence: 1 }), 3],
    ['a position beyond the head', 'history_lost', TOPIC, (): Position => at(TOPIC, 9), 3],
    ['an ephemeral topic', 'no_history', 'typing.a', (): Position => ({ epoch: 'e', sequence: 0 }), 0],
    ['a topic that is not allowed', 'not_allowed', 'secret.a', (): Position => ({ epoch: 'e', sequence: 0 }), 0],
    ['a name that is none', 'invalid_topic', '@user.x', (): Position => ({ epoch: 'e', sequence: 0 }), 0],
  ])('%s is said: %s', (_, reason, topic, position, count) => {
    open({ rules: [{ pattern: 'chat.short', messages: 2, ageMs: 3_600_000, bytes: 100_000 }] });
    rig.publish(TOPIC, 3);
    rig.publish('chat.short', 9);
    rig.publish('typing.a', 3);
    const details = client.askStatus('GetMissedMessages', { since: { [topic]: position() } });
    expect(details).toMatchObject({ count, complete: false, topics: { [topic]: { recovered: false, reason } } });
  });

  test('what the log loses while it is read is said, and does not touch the next topic', () => {
    open({ keep: { messages: 6 }, limits: { pageMessages: 3 } });
    rig.publish(TOPIC, 10);
    rig.publish('chat.b', 2);
    client.stop();
    const since = { [TOPIC]: at(TOPIC, 4), 'chat.b': at('chat.b', 0) };
    const id = client.send('GetMissedMessages', { since });
    rig.settle();
    // The first page is in the socket; meanwhile the log moves on.
    rig.publish(TOPIC, 10);
    client.resume();
    expect(flow(client.take())).toEqual([
      ...run(TOPIC, 5, 7, `replayed for ${id}`),
      ...run('chat.b', 1, 2, `replayed for ${id}`),
      'Status missed_messages',
    ]);
    expect(client.repliesTo(id)).toMatchObject([
      {
        data: {
          details: {
            count: 5,
            complete: false,
            topics: {
              [TOPIC]: { sequence: 10, recovered: false, reason: 'trimmed' },
              'chat.b': { sequence: 2, recovered: true },
            },
          },
        },
      },
    ]);
  });

  test('one topic that fails does not keep the others', () => {
    rig.publish(TOPIC, 2);
    const since = { 'secret.a': { epoch: 'e', sequence: 0 }, [TOPIC]: at(TOPIC, 0) };
    expect(client.askStatus('GetMissedMessages', { since })).toMatchObject({
      count: 2,
      complete: false,
      topics: { [TOPIC]: { recovered: true }, 'secret.a': { recovered: false, reason: 'not_allowed' } },
    });
  });

  test('a limit ends it early, says where, and the rest can be asked for', () => {
    rig.publish(TOPIC, 5);
    rig.publish('chat.b', 2);
    const since = { [TOPIC]: at(TOPIC, 0), 'chat.b': at('chat.b', 0) };
    const details = client.askStatus('GetMissedMessages', { since, limit: 3 });
    expect(details).toMatchObject({
      count: 3,
      complete: false,
      topics: {
        [TOPIC]: { ...at(TOPIC, 3), recovered: false, reason: 'limit' },
        'chat.b': { recovered: false, reason: 'limit' },
      },
    });
    client.take();
    client.askStatus('GetMissedMessages', { since: { [TOPIC]: at(TOPIC, 3), 'chat.b': at('chat.b', 0) } });
    expect(
      client
        .take()
        .slice(0, -1)
        .map(({ data }) => [data['topic'], data['sequence']]),
    ).toEqual([
      [TOPIC, 4],
      [TOPIC, 5],
      ['chat.b', 1],
      ['chat.b', 2],
    ]);
  });

  test('a limit that is just enough is not too small', () => {
    rig.publish(TOPIC, 3);
    const details = client.askStatus('GetMissedMessages', { since: { [TOPIC]: at(TOPIC, 0) }, limit: 3 });
    expect(details).toMatchObject({ count: 3, complete: true });
  });
});

describe('GetMissedMessages with a message id', () => {
  /** Messages 1 … 10, one a second, to a client that sees them. */
  function publishSlowly(topic: string): void {
    for (let payload = 1; payload <= 10; payload += 1) {
      rig.publish(topic, 1, String(payload));
      rig.clock.advance(1_000);
    }
  }

  test('means its time minus two seconds, on every live subscription', () => {
    client.subscribe(TOPIC, 'chat.b', 'typing.a');
    publishSlowly(TOPIC);
    rig.publish('chat.b', 1, '"late"');
    const since = idOf(client.take(), 8);
    expect(client.askStatus('GetMissedMessages', { since })).toMatchObject({
      count: 6,
      topics: { [TOPIC]: { recovered: true }, 'chat.b': { recovered: true } },
    });
    const payloads = client
      .take()
      .filter(({ type }) => type === 'Broadcast')
      .map(({ data }) => data['payload']);
    expect(payloads).toEqual([6, 7, 8, 9, 10, 'late']);
  });

  test('does not reach topics that nobody subscribed to', () => {
    client.subscribe('chat.b');
    publishSlowly(TOPIC);
    rig.publish('chat.b');
    const [message] = client.take();
    expect(client.askStatus('GetMissedMessages', { since: message?.id ?? '' })).toMatchObject({ count: 1 });
  });

  test('that is none of this server is refused', () => {
    const reply = client.ask('GetMissedMessages', { since: 'not-an-id' });
    expect(reply).toMatchObject({ type: 'Error', data: { code: 400, reason: 'invalid_field' } });
  });
});

describe('while GetMissedMessages is under way', () => {
  test('live publications of its topics wait for the Status, those of others do not', () => {
    client.subscribe(TOPIC, 'chat.b');
    rig.publish(TOPIC, 3);
    client.take();
    rig.broker.holds.add('read');
    const id = client.send('GetMissedMessages', { since: { [TOPIC]: at(TOPIC, 1) } });
    rig.settle();
    rig.publish(TOPIC, 2);
    rig.publish('chat.b');
    expect(flow(client.take())).toEqual(['chat.b 1']);
    rig.broker.letGo();
    rig.settle();
    expect(flow(client.take())).toEqual([
      ...run(TOPIC, 2, 3, `replayed for ${id}`),
      'Status missed_messages',
      ...run(TOPIC, 4, 5),
    ]);
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(run(TOPIC, 6, 6));
    expect(rig.unaccounted()).toBe(0);
  });

  test.each([
    ['GetMissedMessages', { since: {} }],
    ['History', { topic: TOPIC, limit: 1 }],
  ])('%s is refused as pending, and served afterwards', (type, data) => {
    rig.publish(TOPIC, 3);
    rig.broker.holds.add('read');
    const first = client.send('GetMissedMessages', { since: { [TOPIC]: at(TOPIC, 0) } });
    rig.settle();
    expect(client.ask(type, data)).toMatchObject({ type: 'Error', data: { code: 409, reason: 'request_pending' } });
    rig.broker.letGo();
    rig.settle();
    expect(client.repliesTo(first)).toMatchObject([{ data: { details: { count: 3, complete: true } } }]);
    expect(client.ask(type, data).type).toBe('Status');
  });

  test('a History that is unanswered refuses it likewise', () => {
    rig.publish(TOPIC);
    rig.broker.holds.add('read');
    const first = client.send('History', { topic: TOPIC, limit: 1 });
    expect(client.ask('GetMissedMessages', { since: {} })).toMatchObject({ data: { reason: 'request_pending' } });
    rig.broker.letGo();
    expect(client.repliesTo(first)).toHaveLength(1);
  });

  test('other connections are not kept waiting', () => {
    const other = rig.connect('bob');
    rig.broker.holds.add('read');
    client.send('GetMissedMessages', { since: { [TOPIC]: { epoch: 'e', sequence: 0 } } });
    rig.settle();
    rig.broker.holds.clear();
    expect(other.ask('GetMissedMessages', { since: {} }).type).toBe('Status');
  });

  test('a connection that ends takes its request along', () => {
    client.subscribe(TOPIC);
    rig.publish(TOPIC, 3);
    rig.broker.holds.add('read');
    client.send('GetMissedMessages', { since: { [TOPIC]: at(TOPIC, 0) } });
    rig.settle();
    client.take();
    client.link.break();
    rig.broker.letGo();
    rig.settle();
    expect(client.take()).toEqual([]);
    expect(rig.deadLetters.total).toBe(0);
  });
});
