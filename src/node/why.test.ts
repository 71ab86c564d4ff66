import { beforeEach, describe, expect, test } from 'vitest';
import { TestRig } from '../connection/test-rig.ts';
import type { TestClient } from '../connection/test-rig-client.ts';
import { messageId } from '../protocol/position.ts';
import { topicDigest } from '../protocol/topic.ts';
import { explainFor, locate, type Why } from './why.ts';

const TOPIC = 'chat.lobby';
const CAPACITY = 4;
const AT = '2026-09-21T14:13:20.000Z';

let rig: TestRig;
let alice: TestClient;

function open(options: ConstructorParameters<typeof TestRig>[0] = {}): void {
  rig = new TestRig({ tail: CAPACITY, ...options, limits: { mailboxCapacity: CAPACITY, pageMessages: 3 } });
  rig.router.tracing.enable('chat.**', null);
  alice = rig.connect('alice');
}

beforeEach(() => open());

const sent: string[] = [];

/** Publishes and remembers the ids, by sequence. */
function publish(count = 1, topic = TOPIC): void {
  for (let at = 0; at < count; at += 1) {
    rig.publish(topic);
    sent[rig.position(topic).sequence] = idOf(topic);
  }
}

function idOf(topic = TOPIC, { sequence } = rig.position(topic), at = rig.clock.now()): string {
  return messageId(at, sequence, topicDigest(topic));
}

const why = (id: string, user = 'alice'): Why => explainFor(rig, locate(rig, id), user);

function expectWhy(id: string, verdict: Why['verdict'], text: string, user = 'alice'): void {
  const { sentence, ...answer } = why(id, user);
  expect(sentence).toBe(text);
  expect(answer).toMatchObject({ user, verdict });
}

const epoch = (topic = TOPIC): string => rig.position(topic).epoch;

describe('who got it', () => {
  test('live', () => {
    alice.subscribe(TOPIC);
    publish();
    expectWhy(sent[1] ?? '', 'delivered', `alice got it on connection rig-i-1 at ${AT}, 0 ms after it was published.`);
  });

  test('after it was displaced', () => {
    alice.subscribe(TOPIC);
    alice.stop();
    publish(7);
    rig.clock.advance(3_000);
    alice.resume();
    expectWhy(
      sent[3] ?? '',
      'delivered',
      `alice got it on connection rig-i-1 at 2026-09-21T14:13:23.000Z, 3000 ms after it was published: it was displaced from the mailbox at ${AT} and replayed from the log.`,
    );
  });

  test('on one of two connections, whatever became of the other', () => {
    alice.subscribe(TOPIC);
    const tablet = rig.connect('alice');
    tablet.subscribe(TOPIC);
    alice.stop();
    publish(2);
    rig.clock.advance(1);
    alice.link.break();
    const answer = why(sent[2] ?? '');
    expect(answer.sentence).toBe(`alice got it on connection rig-i-2 at ${AT}, 0 ms after it was published.`);
    expect(answer.fates).toMatchObject([
      { connection: 'rig-i-1', verdict: 'not_delivered' },
      { connection: 'rig-i-2', verdict: 'delivered' },
    ]);
  });

  test('and said so, or went away: written is not read', () => {
    alice.subscribe(TOPIC);
    publish(3);
    alice.sendRaw(JSON.stringify({ type: 'Ack', data: { positions: { [TOPIC]: { epoch: epoch(), sequence: 2 } } } }));
    expect(why(sent[2] ?? '').sentence).toMatch(/published; the client has acknowledged position 2\.$/);
    expect(why(sent[3] ?? '').sentence).toMatch(/published\.$/);
    alice.link.break();
    expect(why(sent[2] ?? '')).toMatchObject({
      verdict: 'delivered',
      sentence: expect.stringMatching(
        /; the connection has ended since, and what its socket still held went with it\.$/,
      ),
    });
  });

  test('as an answer, and twice', () => {
    publish();
    const since = { [TOPIC]: { epoch: epoch(), sequence: 0 } };
    rig.router.tracing.enable(TOPIC, null);
    alice.subscribe(TOPIC);
    publish();
    alice.askStatus('GetMissedMessages', { since });
    expect(why(sent[2] ?? '').sentence).toContain('(2 times, because the client asked again)');
    rig.connect('bob').askStatus('GetMissedMessages', { since });
    expect(why(sent[2] ?? '', 'bob').sentence).toContain(': it was part of an answer to GetMissedMessages.');
  });

  test('without being listed', () => {
    open({ trace: { messages: 10, recipients: 1 } });
    rig.connect('first').subscribe(TOPIC);
    // The first to subscribe is flushed last: the one that is listed is not alice.
    const others = ['bob', 'cyd'].map((name) => rig.connect(name));
    for (const client of [alice, ...others]) client.subscribe(TOPIC);
    publish();
    const [message] = rig.router.tracing.messages();
    const listed = new Set([...(message?.recipients.values() ?? [])].map(({ user }) => user));
    const unlisted = ['first', 'alice', 'bob', 'cyd'].find((name) => !listed.has(name)) ?? '';
    expect(why(sent[1] ?? '', unlisted)).toMatchObject({
      verdict: 'delivered',
      sentence: expect.stringMatching(
        /^\w+ got it on connection rig-i-\d, one of those that are counted and not listed; the connection stands at position 1\.$/,
      ),
    });
  });
});

describe('who did not get it', () => {
  test('because the history no longer held it', () => {
    open({ keep: { messages: 5 } });
    alice.subscribe(TOPIC);
    alice.stop();
    publish(12);
    alice.resume();
    expectWhy(
      sent[3] ?? '',
      'not_delivered',
      `alice did not get it on connection rig-i-1: the history no longer held it at ${AT}, and the client was told Gap 2..7 (overflow).`,
    );
  });

  test('because the log said that it never was', () => {
    alice.subscribe(TOPIC);
    alice.stop();
    publish(12);
    rig.broker.pretends = (history) => ({ ...history, after: 12, lost: 'history_lost', publications: [] });
    alice.resume();
    expect(why(sent[3] ?? '').sentence).toContain('the client was told Gap history_lost.');
  });

  test('because the connection closed first', () => {
    alice.subscribe(TOPIC);
    alice.stop();
    publish(7);
    alice.link.break();
    expectWhy(
      sent[3] ?? '',
      'not_delivered',
      `alice did not get it on connection rig-i-1: the connection closed at ${AT}, before it was written, after it had been displaced from the mailbox at ${AT}; it waits in the log (position 3 of epoch ${epoch()}), as long as that reaches back, for a client that resumes before it.`,
    );
  });

  test('because the client unsubscribed, or began anew elsewhere', () => {
    alice.subscribe(TOPIC);
    alice.stop();
    publish(2);
    alice.send('Subscribe', { topics: [{ topic: TOPIC, epoch: epoch(), sequence: 2 }] });
    rig.settle();
    expect(why(sent[2] ?? '').sentence).toContain('the client subscribed anew at another position at ');
    publish(1);
    alice.send('Unsubscribe', { topics: [TOPIC] });
    rig.settle();
    expect(why(sent[3] ?? '').sentence).toContain('rig-i-1: the subscription ended at ');
  });

  test('because the stream was cut', () => {
    alice.subscribe(TOPIC);
    alice.stop();
    publish(2);
    rig.forget(TOPIC);
    expectWhy(
      sent[2] ?? '',
      'not_delivered',
      `alice did not get it on connection rig-i-1: the log of chat.lobby was cut or began anew at ${AT}, before it was written.`,
    );
  });

  test('because the stream began anew before the client came', () => {
    rig.connect('bob').subscribe(TOPIC);
    publish();
    const old = epoch();
    rig.forget(TOPIC);
    rig.clock.advance(1);
    alice.subscribe(TOPIC);
    expectWhy(
      sent[1] ?? '',
      'unknown',
      `alice has most likely not got it on connection rig-i-1: the log of chat.lobby began anew after it was published (epoch ${old}, now ${epoch()}).`,
    );
  });

  test('because nothing matches', () => {
    alice.subscribe('other.*');
    rig.connect('bob').subscribe(TOPIC);
    publish();
    expectWhy(
      sent[1] ?? '',
      'not_delivered',
      'alice has no subscription that matches chat.lobby (connection rig-i-1).',
    );
  });

  test('because it is not allowed', () => {
    rig.router.tracing.enable('secret.**', null);
    rig.connect('root', { principal: { roles: ['admin'] } }).subscribe('secret.plan');
    publish(1, 'secret.plan');
    expectWhy(sent[1] ?? '', 'not_delivered', 'alice may not subscribe to secret.plan (connection rig-i-1).');
  });

  test('because it was a direct message to somebody else', () => {
    rig.router.tracing.enable('@user:bob', null);
    const bob = rig.connect('bob');
    bob.subscribe('@me');
    const { id } = alice.ask('DirectMessage', { target_user: 'bob', payload: 1 }).data;
    expectWhy(
      String(id),
      'not_delivered',
      'alice may not read it: it is a direct message to somebody else (@user:bob).',
    );
    expect(why(String(id), 'bob').verdict).toBe('delivered');
    const { id: own } = bob.ask('DirectMessage', { target_user: 'bob', payload: 1 }).data;
    bob.ask('Unsubscribe', { topics: ['@me'] });
    expect(why(String(own), 'bob').verdict).toBe('delivered');
  });

  test('because the subscription began later', () => {
    rig.connect('bob').subscribe(TOPIC);
    publish(3);
    alice.subscribe(TOPIC);
    expectWhy(
      sent[2] ?? '',
      'not_delivered',
      'alice did not get it on connection rig-i-1: its subscription began after position 3, and this is position 2.',
    );
  });

  test('because the user is not connected here; another tenant is somebody else', () => {
    rig.connect('bob').subscribe(TOPIC);
    publish();
    rig.connect('carol', { principal: { tenant: 'acme' } });
    const text = (user: string): string =>
      `${user} is not connected to this node; the message waits in the log (position 1 of epoch ${epoch()}), as long as that reaches back, for a client that resumes before it.`;
    expectWhy(sent[1] ?? '', 'not_delivered', text('carol'), 'carol');
    expectWhy(sent[1] ?? '', 'not_delivered', text('nobody'), 'nobody');
  });
});

describe('who may still get it', () => {
  beforeEach(() => {
    alice.subscribe(TOPIC);
    alice.stop();
  });

  test('it waits in the mailbox', () => {
    publish(4);
    expectWhy(
      sent[3] ?? '',
      'pending',
      'alice has not got it yet: it waits in the mailbox of connection rig-i-1, 1 messages before it, because the socket has no room.',
    );
  });

  test('it was displaced', () => {
    publish(7);
    expectWhy(
      sent[3] ?? '',
      'pending',
      `alice has not got it yet: it was displaced from the full mailbox of connection rig-i-1 at ${AT} and will be replayed when the client reads on, now at position 1.`,
    );
  });

  test('it came while the connection lags', () => {
    publish(7);
    expectWhy(
      sent[7] ?? '',
      'pending',
      'alice has not got it yet: connection rig-i-1 lags at position 1 and reads it from the log when the client reads on.',
    );
  });

  test('the subscription is being started', () => {
    const bob = rig.connect('bob');
    rig.broker.holds.add('read');
    bob.send('Subscribe', { topics: [{ topic: TOPIC, from: 'earliest' }] });
    publish();
    expect(why(sent[1] ?? '', 'bob')).toMatchObject({
      verdict: 'pending',
      sentence: 'bob has not got it yet: the subscription of connection rig-i-2 is still being started.',
    });
    rig.broker.letGo();
    rig.settle();
    expect(why(sent[1] ?? '', 'bob').verdict).toBe('delivered');
  });
});

describe('what is not in the trace', () => {
  test('is said to be no message id', () => {
    expect(why('hello\u001b')).toMatchObject({
      verdict: 'unknown',
      sentence: expect.stringMatching(/^expected a message id .*, got "hello/),
    });
  });

  test('because tracing is off; where the connection stands is told all the same', () => {
    rig.router.tracing.disable('chat.**');
    alice.subscribe(TOPIC);
    publish();
    expectWhy(
      sent[1] ?? '',
      'unknown',
      'alice may have got it: connection rig-i-1 stands at position 1, after this one (1), so it was written or announced as lost; the message is not in the trace: tracing is off for chat.lobby; switch it on and publish again.',
    );
  });

  test('because tracing is off, of a topic that nobody here knows', () => {
    rig.router.tracing.disable('chat.**');
    expectWhy(
      `${rig.clock.now()}-7-abcdef`,
      'unknown',
      'the message is not in the trace: tracing is off for its topic; switch it on and publish again.',
    );
  });

  test('because the ring moved on', () => {
    open({ trace: { messages: 2, recipients: 2 } });
    alice.subscribe(TOPIC);
    publish();
    rig.clock.advance(1_000);
    publish(2);
    expect(why(sent[1] ?? '').sentence).toContain(
      'the ring of 2 moved on, its oldest message is of 2026-09-21T14:13:21.000Z.',
    );
  });

  test('because it is older than the trace', () => {
    rig.router.tracing.disable('chat.**');
    alice.subscribe(TOPIC);
    publish();
    rig.clock.advance(1_000);
    rig.router.tracing.enable('chat.**', null);
    expect(why(sent[1] ?? '').sentence).toContain(
      `it was published at ${AT}, before tracing began at 2026-09-21T14:13:21.000Z.`,
    );
  });

  test('because its topic is another one', () => {
    expectWhy(
      `${rig.clock.now() + 5}-7-abcdef`,
      'unknown',
      'the message is not in the trace: traced are chat.**; its topic is none of them, or nobody on this node published or listened to it.',
    );
  });

  test('any more: the end is as it was when tracing was switched off', () => {
    alice.subscribe(TOPIC);
    alice.stop();
    publish(7);
    rig.router.tracing.disable('chat.**');
    alice.resume();
    const { verdict, sentence } = why(sent[3] ?? '');
    expect(verdict).toBe('pending');
    expect(sentence).toMatch(
      /now at position 7 \(tracing of chat\.lobby was switched off at 2026-09-21T14:13:20\.000Z\)\.$/,
    );
  });
});
