import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Recipient, TracedMessage } from '../telemetry/message-trace.ts';
import { TestRig } from './test-rig.ts';
import { flow, run, type TestClient } from './test-rig-client.ts';

const TOPIC = 'chat.a';
const CAPACITY = 4;

let rig: TestRig;
let ada: TestClient;

function open(options: ConstructorParameters<typeof TestRig>[0] = {}, ...topics: string[]): void {
  rig = new TestRig({
    tail: CAPACITY,
    ...options,
    limits: { mailboxCapacity: CAPACITY, pageMessages: 3, ...options.limits },
  });
  rig.router.tracing.enable('chat.**', null);
  rig.router.tracing.enable('@user:ada', null);
  ada = rig.connect();
  ada.subscribe(...(topics.length === 0 ? [TOPIC] : topics));
}

const traced = (): TracedMessage[] => [...rig.router.tracing.messages()];

/** What was written down of a client, by sequence. */
function endsOf(client: TestClient, topic = TOPIC): string[] {
  return traced().flatMap((message) => {
    const recipient = message.recipients.get(client.connection.number);
    return recipient === undefined || message.topic !== topic ? [] : [`${message.sequence} ${inShort(recipient)}`];
  });
}

function inShort({ end, cause, gap, displacedAt, deliveries }: Recipient): string {
  const words = [end, cause ?? '', gap === null ? '' : `${gap[0]}-${gap[1]}`, deliveries > 1 ? `x${deliveries}` : ''];
  return [...words, displacedAt === null || end === 'displaced' ? '' : 'after displaced']
    .filter((word) => word !== '')
    .join(' ');
}

const ends = (from: number, to: number, text: string): string[] =>
  Array.from({ length: to - from + 1 }, (_, at) => `${from + at} ${text}`);

beforeEach(() => open());

afterEach(() => {
  expect(rig.unaccounted()).toBe(0);
  expect(rig.deadLetters.total).toBe(0);
});

describe('off', () => {
  test('nothing is recorded, whatever happens', () => {
    rig.router.tracing.disable('chat.**');
    rig.router.tracing.disable('@user:ada');
    ada.ask('Broadcast', { topic: TOPIC, payload: 1 });
    ada.stop();
    rig.publish(TOPIC, 12);
    ada.resume();
    ada.ask('Unsubscribe', { topics: [TOPIC] });
    expect(traced()).toEqual([]);
    expect([...rig.router.openTopics()].map(({ trace }) => trace)).toEqual([null]);
  });
});

describe('a message on its way', () => {
  test('has every stage from the frame to the socket', () => {
    const start = rig.clock.now();
    const bob = rig.connect('bob');
    bob.send('Subscribe', { topics: [TOPIC] });
    rig.broker.holds.add('publish');
    bob.send('Broadcast', { topic: TOPIC, payload: 1 });
    rig.clock.advance(5);
    rig.broker.letGo();
    rig.clock.advance(3);
    rig.settle();
    const [message] = traced();
    const at = start + 5;
    expect(message?.stages).toEqual({
      received: start,
      validated: start,
      routed: start,
      queued: at + 3,
      delivered: at + 3,
    });
    expect(message).toMatchObject({ from: 'bob', subscriptions: 2, others: {} });
    expect([...endsOf(ada), ...endsOf(bob)]).toEqual(['1 written', '1 written']);
    expect(message?.recipients.get(bob.connection.number)).toMatchObject({
      connection: bob.connection.id,
      user: 'bob',
    });
  });

  test('that waits behind an earlier frame came when it came', () => {
    const start = rig.clock.now();
    rig.broker.holds.add('retain');
    ada.send('Subscribe', { topics: ['chat.b'] });
    ada.send('Broadcast', { topic: TOPIC, payload: 1 });
    rig.clock.advance(9);
    rig.broker.letGo();
    rig.settle();
    expect(traced()[0]?.stages).toMatchObject({ received: start, validated: start + 9 });
  });

  test('to a topic that nobody listens to is traced by its publisher', () => {
    ada.ask('Broadcast', { topic: 'chat.nobody', payload: 1 });
    expect(traced()).toMatchObject([{ topic: 'chat.nobody', sequence: 1, from: 'ada', subscriptions: null }]);
    expect(traced()[0]?.stages).toEqual({ received: rig.clock.now(), validated: rig.clock.now() });
  });

  test('that repeats an idempotency key is the first one', () => {
    for (let at = 0; at < 2; at += 1) ada.ask('Broadcast', { topic: TOPIC, payload: 1, idempotency_key: 'k' });
    expect(endsOf(ada)).toEqual(['1 written']);
  });

  test('of direct messages has its publisher and its recipient', () => {
    ada.subscribe('@me');
    rig.connect('bob').ask('DirectMessage', { target_user: 'ada', payload: 1 });
    expect(endsOf(ada, '@user.YWRh')).toEqual(['1 written']);
    expect(traced()).toMatchObject([{ from: 'bob', stages: { received: rig.clock.now() } }]);
  });

  test('by a pattern reaches who subscribes by pattern', () => {
    open({}, 'chat.**');
    rig.publish('chat.new', 2);
    expect(endsOf(ada, 'chat.new')).toEqual(['1 written', '2 written']);
  });

  test('is written to clients of both formats, batching or not', () => {
    const others = [rig.connect('bob', { format: 'msgpack' }), rig.connect('cyd', { batching: true })];
    for (const other of others) other.subscribe(TOPIC);
    rig.publishAtOnce(TOPIC, 2);
    for (const client of [ada, ...others]) expect(endsOf(client)).toEqual(['1 written', '2 written']);
  });
});

describe('an overflow', () => {
  beforeEach(() => {
    ada.stop();
    rig.publish(TOPIC, 12);
  });

  test('displaces what was queued; what came later is not queued', () => {
    expect(endsOf(ada)).toEqual(['1 written', ...ends(2, 6, 'displaced mailbox_full')]);
  });

  test('is replayed from the log and the tail, in whole', () => {
    ada.resume();
    expect(flow(ada.take())).toEqual([...run(TOPIC, 1, 1), ...run(TOPIC, 2, 12, 'replayed')]);
    expect(endsOf(ada)).toEqual(['1 written', ...ends(2, 6, 'replayed after displaced'), ...ends(7, 12, 'replayed')]);
  });

  test('that lasts until the connection closes is purged', () => {
    ada.link.break();
    expect(endsOf(ada)).toEqual([
      '1 written',
      ...ends(2, 6, 'purged closed after displaced'),
      ...ends(7, 12, 'purged closed'),
    ]);
    expect(traced()[6]?.stages.failed).toBe(rig.clock.now());
  });

  test('that the client ends by unsubscribing is purged', () => {
    ada.send('Unsubscribe', { topics: [TOPIC] });
    expect(endsOf(ada).slice(0, 3)).toEqual([
      '1 written',
      '2 purged unsubscribed after displaced',
      '3 purged unsubscribed after displaced',
    ]);
  });
});

describe('what the log no longer holds', () => {
  test('ends in the gap that the client is told', () => {
    open({ keep: { messages: 5 } });
    ada.stop();
    rig.publish(TOPIC, 12);
    ada.resume();
    expect(flow(ada.take())).toEqual([
      ...run(TOPIC, 1, 1),
      'Gap chat.a overflow 2-7 (6)',
      ...run(TOPIC, 8, 12, 'replayed'),
    ]);
    expect(endsOf(ada)).toEqual([
      '1 written',
      ...ends(2, 6, 'gap overflow 2-7 after displaced'),
      '7 gap overflow 2-7',
      ...ends(8, 12, 'replayed'),
    ]);
  });

  test('ends so for a late joiner too', () => {
    open({ keep: { messages: 5 } });
    rig.publish(TOPIC, 8);
    const bob = rig.connect('bob');
    bob.subscribe({ topic: TOPIC, ...rig.position(TOPIC), sequence: 1 });
    expect(endsOf(bob)).toEqual([...ends(2, 3, 'gap trimmed 2-3'), ...ends(4, 8, 'replayed')]);
  });

  test('because the stream began anew is lost', () => {
    ada.stop();
    rig.publish(TOPIC, 3);
    rig.forget(TOPIC);
    // Ids have their millisecond.
    rig.clock.advance(1);
    rig.publish(TOPIC, 2);
    expect(endsOf(ada)).toEqual(['1 written', ...ends(2, 3, 'lost after displaced')]);
    ada.resume();
    expect(endsOf(ada)).toEqual(['1 written', ...ends(2, 3, 'lost after displaced'), ...ends(1, 2, 'replayed')]);
  });

  test('because the log says at last that it never had it is a gap too', () => {
    ada.stop();
    rig.publish(TOPIC, 12);
    const head = rig.position(TOPIC).sequence;
    rig.broker.pretends = (history) => ({ ...history, after: head, lost: 'history_lost', publications: [] });
    ada.resume();
    expect(endsOf(ada).slice(0, 3)).toEqual([
      '1 written',
      '2 gap history_lost 2-12 after displaced',
      '3 gap history_lost 2-12 after displaced',
    ]);
  });
});

describe('a hole in the notices', () => {
  test('sends queued subscriptions to the log, and what was missing is traced from there', () => {
    ada.stop();
    rig.publish(TOPIC, 2);
    rig.broker.losesNotices = true;
    rig.publish(TOPIC);
    rig.broker.losesNotices = false;
    rig.publish(TOPIC);
    expect(endsOf(ada)).toEqual(['1 written', '2 displaced hole']);
    ada.resume();
    expect(flow(ada.take())).toEqual([...run(TOPIC, 1, 1), ...run(TOPIC, 2, 4, 'replayed')]);
    expect(endsOf(ada).toSorted()).toEqual(['1 written', '2 replayed after displaced', '3 replayed', '4 replayed']);
    expect(traced().find(({ sequence }) => sequence === 3)?.stages.routed).toBeUndefined();
  });
});

describe('what waits in the mailbox', () => {
  beforeEach(() => {
    ada.stop();
    rig.publish(TOPIC, 3);
  });

  test('has no end yet', () => {
    expect(endsOf(ada)).toEqual(['1 written']);
    expect(traced()[1]?.stages).toMatchObject({ queued: rig.clock.now() });
    expect(traced()[1]?.stages.delivered).toBeUndefined();
  });

  test('is purged when the client unsubscribes', () => {
    ada.send('Unsubscribe', { topics: [TOPIC] });
    expect(endsOf(ada)).toEqual(['1 written', ...ends(2, 3, 'purged unsubscribed')]);
  });

  test('is purged when the connection closes', () => {
    ada.link.break();
    expect(endsOf(ada)).toEqual(['1 written', ...ends(2, 3, 'purged closed')]);
  });

  test('is purged when the server closes the connection', () => {
    ada.connection.close('stalled', 'a test');
    expect(endsOf(ada)).toEqual(['1 written', ...ends(2, 3, 'purged closed')]);
  });

  test('is put aside when the client subscribes anew at another position, and written from there', () => {
    ada.send('Subscribe', { topics: [{ topic: TOPIC, ...rig.position(TOPIC), sequence: 0 }] });
    rig.settle();
    expect(endsOf(ada)).toEqual(['1 written', ...ends(2, 3, 'purged restarted')]);
    ada.resume();
    expect(endsOf(ada)).toEqual(['1 written x2', ...ends(2, 3, 'replayed')]);
  });
});

describe('late joiners', () => {
  test('get what they missed by a replay; the first delivery stays their end', () => {
    rig.publish(TOPIC, 3);
    const bob = rig.connect('bob');
    bob.subscribe({ topic: TOPIC, from: 'earliest' });
    expect(endsOf(bob)).toEqual(ends(1, 3, 'replayed'));
    rig.publish(TOPIC);
    expect(endsOf(bob)).toEqual([...ends(1, 3, 'replayed'), '4 written']);
  });

  test('that start at the head have no end for what was before', () => {
    rig.publish(TOPIC, 2);
    const bob = rig.connect('bob');
    bob.subscribe(TOPIC);
    expect(endsOf(bob)).toEqual([]);
  });

  test('find what a publisher put into a topic that nobody listened to', () => {
    ada.ask('Broadcast', { topic: 'chat.z', payload: 1 });
    const bob = rig.connect('bob');
    bob.subscribe({ topic: 'chat.z', from: 'earliest' });
    expect(endsOf(bob, 'chat.z')).toEqual(['1 replayed']);
  });

  test('that ask for missed messages get them as an answer', () => {
    rig.publish(TOPIC, 2);
    const bob = rig.connect('bob');
    bob.askStatus('GetMissedMessages', { since: { [TOPIC]: { ...rig.position(TOPIC), sequence: 0 } } });
    expect(endsOf(bob)).toEqual(ends(1, 2, 'replayed missed_messages'));
    ada.askStatus('GetMissedMessages', { since: { [TOPIC]: { ...rig.position(TOPIC), sequence: 1 } } });
    expect(endsOf(ada)).toEqual(['1 written', '2 written x2']);
  });
});

describe('bounds', () => {
  test('recipients beyond the list are counted, and who was displaced is listed before who just got it', () => {
    open({ trace: { messages: 50, recipients: 2 } });
    const others = ['bob', 'cyd', 'dan', 'eve'].map((name) => rig.connect(name));
    for (const other of others) other.subscribe(TOPIC);
    rig.publish(TOPIC);
    expect(traced()[0]).toMatchObject({ others: { written: 3 } });
    expect(traced()[0]?.recipients.size).toBe(2);
    ada.stop();
    rig.publish(TOPIC, 12);
    const last = traced().find(({ sequence }) => sequence === 3);
    expect(last?.others).toEqual({ written: 3 });
    expect([...(last?.recipients.values() ?? [])].map(({ user, end }) => `${user} ${end}`)).toEqual(
      expect.arrayContaining(['ada displaced']),
    );
    ada.resume();
    expect(last?.recipients.get(ada.connection.number)?.end).toBe('replayed');
  });

  test('a replay of a long history pushes out nothing', () => {
    open({ trace: { messages: 5, recipients: 2 }, keep: { messages: 100 } });
    rig.publish(TOPIC, 20);
    rig.clock.advance(1_000);
    rig.publish(TOPIC, 5);
    const before = traced().map(({ id }) => id);
    rig.connect('bob').subscribe({ topic: TOPIC, from: 'earliest' });
    expect(traced().map(({ id }) => id)).toEqual(before);
    expect(traced().map(({ recipients }) => recipients.size)).toEqual([2, 2, 2, 2, 2]);
  });
});
