import { beforeEach, describe, expect, test } from 'vitest';
import type { Position } from '../../protocol/position.ts';
import { TestRig } from '../test-rig.ts';
import type { Frame, TestClient } from '../test-rig-client.ts';
import { refusal } from '../../protocol/errors.ts';

const TOPIC = 'chat.a';

let rig: TestRig;
let client: TestClient;

beforeEach(() => {
  rig = new TestRig();
  client = rig.connect();
});

const at = (sequence: number): Position => ({ epoch: rig.position(TOPIC).epoch, sequence });

function ask(data: object): Readonly<Record<string, unknown>> {
  return client.askStatus('History', { topic: TOPIC, ...data });
}

function sequences(details: Readonly<Record<string, unknown>>): unknown[] {
  return (details['messages'] as readonly Frame[]).map(({ data }) => data['sequence']);
}

describe('forward', () => {
  test('one page of publications, as they were sent, and where the topic stands', () => {
    client.subscribe(TOPIC);
    rig.publish(TOPIC, 1, '{"text":"hello"}');
    const [live] = client.take();
    expect(ask({ limit: 10 })).toEqual({ topic: TOPIC, complete: true, position: at(1), messages: [live] });
  });

  test('without since from the earliest, and next leads on to the end', () => {
    rig.publish(TOPIC, 10);
    const pages: unknown[][] = [];
    let since: unknown;
    do {
      const details = ask({ limit: 4, ...(since === undefined ? {} : { since }) });
      pages.push(sequences(details));
      since = details['next'];
    } while (since !== undefined && pages.length < 10);
    expect(pages).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
      [9, 10],
    ]);
  });

  test('since and before are exclusive', () => {
    rig.publish(TOPIC, 10);
    const details = ask({ limit: 100, since: at(3), before: at(7) });
    expect(sequences(details)).toEqual([4, 5, 6]);
    expect(details['next']).toBeUndefined();
    expect(sequences(ask({ limit: 2, since: at(3), before: at(7) }))).toEqual([4, 5]);
    expect(ask({ limit: 2, since: at(3), before: at(7) })['next']).toEqual(at(5));
  });

  test('next is given when a single message is left', () => {
    rig.publish(TOPIC, 10);
    expect(ask({ limit: 9 })['next']).toEqual(at(9));
    expect(ask({ limit: 10 })['next']).toBeUndefined();
    expect(ask({ limit: 9, reverse: true })['next']).toEqual(at(2));
    expect(ask({ limit: 10, reverse: true })['next']).toBeUndefined();
  });

  test('at the end there is nothing, and nothing next', () => {
    rig.publish(TOPIC, 3);
    const details = ask({ limit: 10, since: at(3) });
    expect(details).toMatchObject({ complete: true, messages: [], position: at(3) });
    expect(details['next']).toBeUndefined();
  });

  test('what the log no longer has makes it incomplete', () => {
    rig = new TestRig({ keep: { messages: 4 } });
    client = rig.connect();
    rig.publish(TOPIC, 10);
    const details = ask({ limit: 10, since: at(2) });
    expect(details['complete']).toBe(false);
    expect(sequences(details)).toEqual([7, 8, 9, 10]);
    expect(ask({ limit: 10, since: at(6) })['complete']).toBe(true);
  });

  test.each([
    ['another epoch', 'unknown_epoch', (): Position => ({ epoch: 'another', sequence: 2 })],
    ['beyond the head', 'history_lost', (): Position => at(9)],
  ])('a position of %s is said: %s', (_, reason, since) => {
    rig.publish(TOPIC, 3);
    const details = ask({ limit: 10, since: since() });
    expect(details).toMatchObject({ complete: false, reason });
    expect(sequences(details)).toEqual([1, 2, 3]);
  });

  test('a page has at most 256 KiB, and next goes on after it', () => {
    rig.publish(TOPIC, 10, JSON.stringify('x'.repeat(60_000)));
    const details = ask({ limit: 10 });
    const page = sequences(details);
    expect(page.length).toBeGreaterThan(0);
    expect(page.length).toBeLessThan(5);
    expect(details['next']).toEqual(at(page.length));
  });
});

describe('backward', () => {
  test('the newest come first, and next leads back to the first', () => {
    rig.publish(TOPIC, 10);
    const pages: unknown[][] = [];
    let before: unknown;
    do {
      const details = ask({ limit: 4, reverse: true, ...(before === undefined ? {} : { before }) });
      pages.push(sequences(details));
      before = details['next'];
    } while (before !== undefined && pages.length < 10);
    expect(pages).toEqual([
      [10, 9, 8, 7],
      [6, 5, 4, 3],
      [2, 1],
    ]);
  });

  test('since bounds it below, exclusively', () => {
    rig.publish(TOPIC, 10);
    expect(sequences(ask({ limit: 100, reverse: true, since: at(6), before: at(9) }))).toEqual([8, 7]);
  });

  test('of a trimmed log it ends at the oldest that is left', () => {
    rig = new TestRig({ keep: { messages: 4 } });
    client = rig.connect();
    rig.publish(TOPIC, 10);
    const details = ask({ limit: 10, reverse: true });
    expect(sequences(details)).toEqual([10, 9, 8, 7]);
    expect(details['next']).toBeUndefined();
  });
});

describe('what cannot be read', () => {
  test.each([
    ['an ephemeral topic', 'typing.a', 422, 'no_history'],
    ['a topic that is not allowed', 'secret.a', 403, 'not_allowed'],
    ['a reserved topic', '@user.Ym9i', 400, 'invalid_topic'],
    ['a pattern', 'chat.*', 400, 'invalid_topic'],
  ])('%s is refused', (_, topic, code, reason) => {
    rig.publish('typing.a');
    expect(client.ask('History', { topic, limit: 1 })).toMatchObject({ type: 'Error', data: { code, reason } });
  });

  test('a topic that nobody knows is empty', () => {
    const details = client.askStatus('History', { topic: 'chat.nobody', limit: 5 });
    expect(details).toMatchObject({ complete: true, messages: [], position: { sequence: 0 } });
  });

  test('a log that is away is refused, and the next request is served', () => {
    rig.publish(TOPIC);
    rig.broker.refuses.set('read', refusal('log_unavailable', 'away'));
    expect(client.ask('History', { topic: TOPIC, limit: 1 }).data['reason']).toBe('log_unavailable');
    rig.broker.refuses.clear();
    expect(sequences(ask({ limit: 1 }))).toEqual([1]);
  });

  test('direct messages are read by their alias, everybody his own', () => {
    const bob = rig.connect('bob');
    bob.ask('DirectMessage', { target_user: 'ada', payload: 'for ada' });
    expect(sequences(client.askStatus('History', { topic: '@me', limit: 5 }))).toEqual([1]);
    expect(sequences(bob.askStatus('History', { topic: '@me', limit: 5 }))).toEqual([]);
  });
});

test('MessagePack clients get the same', () => {
  const binary = rig.connect('bob', { format: 'msgpack' });
  rig.publish(TOPIC, 3, '{"text":"ü"}');
  expect(binary.askStatus('History', { topic: TOPIC, limit: 2, reverse: true })).toEqual(
    ask({ limit: 2, reverse: true }),
  );
});
