import { beforeEach, describe, expect, test } from 'vitest';
import { messageId } from '../protocol/position.ts';
import { topicDigest } from '../protocol/topic.ts';
import type { TracedMessage } from '../telemetry/message-trace.ts';
import { publication, RouterRig, TestSubscriber } from './test-rig.ts';
import type { Content } from './topic-trace.ts';
import type { Tracing } from './tracing.ts';
import { refusal } from '../protocol/errors.ts';

const TOPIC = 'chat.a';
const TIMES = { received: 3, validated: 4 };
/** What the rig publishes. */
const CONTENT: Content = { from: 'ada', clientId: undefined, payload: '1' };

let rig: RouterRig;
let tracing: Tracing;

beforeEach(() => {
  rig = new RouterRig();
  tracing = rig.router.tracing;
});

const traced = (): TracedMessage[] => [...tracing.messages()];
const sequences = (): number[] => traced().map(({ sequence }) => sequence);
const epochOf = (topic = TOPIC): string => rig.topic(topic).epoch;

/** A message that the log has taken without this node being told. */
function stored(sequence: number, epoch = 'e', timestamp = rig.clock.now()): string {
  const id = messageId(timestamp, sequence, topicDigest(TOPIC));
  tracing.stored(TOPIC, { id, position: { epoch, sequence }, duplicate: false }, CONTENT, TIMES);
  return id;
}

describe('switched off', () => {
  test('nothing is recorded, and no topic has a trace', () => {
    rig.subscribe(TOPIC, new TestSubscriber());
    rig.publish(TOPIC, 5);
    rig.endTurn();
    stored(6);
    expect(tracing.isOn).toBe(false);
    expect(tracing.usage).toEqual({ kept: 0, messages: 1_000, recipients: 100 });
    expect(rig.topic(TOPIC).trace).toBeNull();
    expect(tracing.of(TOPIC)).toBeNull();
  });

  test('other topics are not recorded either', () => {
    tracing.enable('chat.b', null);
    rig.subscribe(TOPIC, new TestSubscriber());
    rig.publish(TOPIC, 5);
    stored(6);
    expect(rig.topic(TOPIC).trace).toBeNull();
    expect(tracing.usage.kept).toBe(0);
  });
});

describe('switching', () => {
  test('takes effect on topics that are open and on those that are opened later', () => {
    rig.subscribe(TOPIC, new TestSubscriber());
    rig.publish(TOPIC);
    expect(tracing.enable('chat.**', null)).toBeNull();
    rig.publish(TOPIC);
    rig.subscribe('chat.b', new TestSubscriber());
    rig.publish('chat.b');
    rig.endTurn();
    expect(traced().map(({ topic, sequence }) => `${topic} ${sequence}`)).toEqual(['chat.a 2', 'chat.b 1']);
  });

  test('off: what was traced stays to be looked at, and says until when it is true', () => {
    tracing.enable(TOPIC, null);
    rig.subscribe(TOPIC, new TestSubscriber());
    rig.publish(TOPIC);
    rig.clock.advance(5);
    expect(tracing.disable(TOPIC)).toBe(true);
    expect(tracing.disable(TOPIC)).toBe(false);
    rig.publish(TOPIC);
    rig.endTurn();
    expect(sequences()).toEqual([1]);
    expect(traced()[0]).toMatchObject({ tracedUntil: rig.clock.now(), stages: { routed: rig.clock.now() - 5 } });
    expect(tracing.isOn).toBe(false);
    expect(rig.topic(TOPIC).trace).toBeNull();
  });

  test('off for one pattern leaves what another one traces', () => {
    tracing.enable(TOPIC, null);
    tracing.enable('chat.*', null);
    rig.subscribe(TOPIC, new TestSubscriber());
    tracing.disable(TOPIC);
    rig.publish(TOPIC);
    expect(sequences()).toEqual([1]);
    expect(tracing.isOn).toBe(true);
  });

  test('off and on again begins anew', () => {
    tracing.enable(TOPIC, null);
    rig.subscribe(TOPIC, new TestSubscriber());
    rig.publish(TOPIC);
    tracing.disable(TOPIC);
    rig.publish(TOPIC);
    tracing.enable(TOPIC, null);
    rig.publish(TOPIC);
    const subscriber = new TestSubscriber();
    rig.topic(TOPIC).trace?.ended(0, 3, subscriber, 'written');
    expect(traced().map(({ sequence, recipients }) => [sequence, recipients.size])).toEqual([
      [1, 0],
      [3, 1],
    ]);
  });

  test('ends by itself', () => {
    tracing.enable('chat.a', rig.clock.now() + 2_000);
    tracing.enable('chat.b', null);
    rig.clock.advance(1_999);
    rig.router.beat();
    expect(tracing.list()).toHaveLength(2);
    rig.clock.advance(1);
    rig.router.beat();
    expect(tracing.list()).toEqual([{ pattern: 'chat.b', since: rig.clock.now() - 2_000, until: null }]);
  });

  test('again for the same pattern sets another end and keeps the beginning', () => {
    const since = rig.clock.now();
    tracing.enable(TOPIC, since + 10);
    rig.clock.advance(5);
    tracing.enable(TOPIC, since + 100);
    expect(tracing.list()).toEqual([{ pattern: TOPIC, since, until: since + 100 }]);
  });

  test('direct messages are named by user', () => {
    tracing.enable('@user:ada', null);
    expect(tracing.list()[0]?.pattern).toBe('@user.YWRh');
    expect(tracing.disable('@user:ada')).toBe(true);
  });

  test('refuses what is no topic, and more patterns than can be looked at', () => {
    expect(tracing.enable('*', null)).toMatchObject({ reason: 'invalid_topic' });
    for (let at = 0; at < 100; at += 1) expect(tracing.enable(`chat.${at}`, null)).toBeNull();
    expect(tracing.enable('chat.x', null)).toMatchObject({ reason: 'topic_limit' });
    expect(tracing.enable('chat.99', 5)).toBeNull();
    expect(tracing.list()).toHaveLength(100);
  });
});

describe('the stages that the router knows', () => {
  beforeEach(() => {
    tracing.enable('chat.**', null);
    tracing.enable('typing.**', null);
  });

  test('routed when it enters the tail, queued when it is counted into mailboxes', () => {
    rig.subscribe(TOPIC, new TestSubscriber());
    rig.subscribe(TOPIC, new TestSubscriber());
    const now = rig.clock.now();
    rig.publish(TOPIC);
    expect(traced()).toEqual([
      {
        id: messageId(now, 1, topicDigest(TOPIC)),
        topic: TOPIC,
        epoch: epochOf(),
        sequence: 1,
        from: 'ada',
        timestamp: now,
        content: expect.any(String) as string,
        stages: { routed: now },
        subscriptions: 2,
        recipients: new Map(),
        others: {},
        tracedUntil: null,
      },
    ]);
    rig.clock.advance(7);
    rig.endTurn();
    expect(traced()[0]?.stages).toEqual({ routed: now, queued: now + 7 });
  });

  test('messages of ephemeral topics have no id and are not traced', () => {
    rig.subscribe('typing.a', new TestSubscriber());
    rig.publish('typing.a', 3);
    rig.endTurn();
    tracing.stored('typing.a', { id: '', position: null, duplicate: false }, CONTENT, TIMES);
    expect(tracing.usage.kept).toBe(0);
  });

  test('a topic that a pattern brings is traced from its first message', () => {
    rig.subscribePattern('chat.**', new TestSubscriber());
    rig.publish('chat.new', 2);
    rig.endTurn();
    expect(sequences()).toEqual([1, 2]);
  });
});

describe('what publishers know', () => {
  beforeEach(() => {
    tracing.enable(TOPIC, null);
  });

  test('is traced when nobody listens, and a later listener finds it', () => {
    const id = stored(1);
    expect(tracing.find(id)).toMatchObject({ sequence: 1, from: 'ada', stages: TIMES, subscriptions: null });
    tracing.of(TOPIC)?.ended(0, 1, new TestSubscriber(), 'replayed');
    expect(tracing.find(id)?.recipients.size).toBe(1);
  });

  test('joins what the router knows, whichever comes first', () => {
    rig.subscribe(TOPIC, new TestSubscriber());
    const epoch = epochOf();
    const late = publication(TOPIC, { epoch, sequence: 1 });
    rig.router.published(late);
    tracing.stored(TOPIC, { ...late, duplicate: false }, CONTENT, TIMES);
    const early = publication(TOPIC, { epoch, sequence: 2 });
    tracing.stored(TOPIC, { ...early, duplicate: false }, CONTENT, TIMES);
    rig.router.published(early);
    const stages = { ...TIMES, routed: rig.clock.now() };
    expect(traced()).toMatchObject([
      { sequence: 1, stages, subscriptions: 1 },
      { sequence: 2, stages, subscriptions: 1 },
    ]);
  });

  test('a duplicate is not another message', () => {
    const position = { epoch: 'e', sequence: 1 };
    tracing.stored(TOPIC, { id: '5-1-abcdef', position, duplicate: true }, CONTENT, TIMES);
    expect(tracing.usage.kept).toBe(0);
  });

  test('the frame came when it came, however long it waited', () => {
    const frame = {};
    tracing.arrived(frame);
    rig.clock.advance(9);
    const now = rig.clock.now();
    expect(tracing.validated(frame)).toEqual({ received: now - 9, validated: now });
    expect(tracing.validated({})).toEqual({ received: now, validated: now });
  });
});

describe('bounds', () => {
  test('topics without messages and listeners cost nothing', () => {
    rig = new RouterRig({ trace: { messages: 2, recipients: 2 } });
    tracing = rig.router.tracing;
    tracing.enable('chat.**', null);
    stored(1);
    expect(tracing.of(TOPIC)).not.toBeNull();
    rig.subscribe('chat.b', new TestSubscriber());
    rig.publish('chat.b', 2);
    expect(tracing.of(TOPIC)).toBeNull();
    expect(traced().map(({ topic }) => topic)).toEqual(['chat.b', 'chat.b']);
  });

  test('a topic that is closed without a traced message leaves nothing', () => {
    tracing.enable(TOPIC, null);
    rig.router.leave(rig.subscribe(TOPIC, new TestSubscriber()));
    expect(tracing.of(TOPIC)).not.toBeNull();
    rig.clock.advance(20_000);
    rig.router.sweep();
    expect(rig.isOpen(TOPIC)).toBe(false);
    expect(tracing.of(TOPIC)).toBeNull();
  });

  test('a topic that is closed keeps its trace while one of its messages is kept', () => {
    rig = new RouterRig({ trace: { messages: 1, recipients: 2 } });
    tracing = rig.router.tracing;
    tracing.enable('chat.**', null);
    const subscription = rig.subscribe(TOPIC, new TestSubscriber());
    rig.publish(TOPIC);
    rig.endTurn();
    rig.router.leave(subscription);
    rig.clock.advance(20_000);
    rig.router.sweep();
    expect(rig.isOpen(TOPIC)).toBe(false);
    expect(tracing.of(TOPIC)).not.toBeNull();
    rig.subscribe(TOPIC, new TestSubscriber());
    expect(rig.topic(TOPIC).trace).toBe(tracing.of(TOPIC));
    tracing.stored(
      'chat.z',
      { id: '1790000020000-1-abcdef', position: { epoch: 'z', sequence: 1 }, duplicate: false },
      CONTENT,
      TIMES,
    );
    rig.topic(TOPIC).trace?.ended(0, 1, new TestSubscriber(), 'replayed');
    expect(traced().map(({ topic }) => topic)).toEqual(['chat.z']);
  });

  test('what has left does not come back, neither by a replay nor by a late answer', () => {
    rig = new RouterRig({ trace: { messages: 1, recipients: 2 } });
    tracing = rig.router.tracing;
    tracing.enable(TOPIC, null);
    rig.subscribe(TOPIC, new TestSubscriber());
    const epoch = epochOf();
    const old = { ...publication(TOPIC, { epoch, sequence: 1 }), timestamp: rig.clock.now() };
    const id = messageId(old.timestamp, 1, topicDigest(TOPIC));
    rig.router.published({ ...old, id });
    rig.clock.advance(10);
    rig.publish(TOPIC, 2);
    stored(1, epoch, old.timestamp);
    rig.topic(TOPIC).trace?.replayed([{ ...old, id }], new TestSubscriber());
    expect(sequences()).toEqual([2]);
  });

  test('a range longer than what is kept touches exactly its messages', () => {
    tracing.enable(TOPIC, null);
    rig.subscribe(TOPIC, new TestSubscriber());
    rig.publish(TOPIC, 4);
    const subscriber = new TestSubscriber();
    rig.topic(TOPIC).trace?.ended(2, 1e9, subscriber, 'written');
    rig.topic(TOPIC).trace?.ended(0, 1, subscriber, 'written');
    expect(traced().map(({ recipients }) => recipients.size)).toEqual([1, 0, 1, 1]);
  });
});

describe('replays from the log', () => {
  test('trace messages that never came as a notice, but none from before tracing began', () => {
    rig.subscribe(TOPIC, new TestSubscriber());
    const epoch = epochOf();
    const before = { ...publication(TOPIC, { epoch, sequence: 1 }), timestamp: rig.clock.now() };
    rig.clock.advance(1);
    tracing.enable(TOPIC, null);
    const after = { ...publication(TOPIC, { epoch, sequence: 2 }), timestamp: rig.clock.now() };
    rig.topic(TOPIC).trace?.replayed([before, after], new TestSubscriber());
    expect(traced()).toMatchObject([{ sequence: 2, stages: { delivered: rig.clock.now() }, subscriptions: null }]);
    expect(traced()[0]?.stages.routed).toBeUndefined();
  });
});

describe('a change of epoch', () => {
  beforeEach(() => {
    tracing.enable(TOPIC, null);
    rig.subscribe(TOPIC, new TestSubscriber());
    rig.publish(TOPIC, 3);
    rig.endTurn();
  });

  test('ends what was cut off for those who lag, and gives the numbers to new messages', () => {
    const owner = new TestSubscriber();
    const subscription = rig.router.join(TOPIC, owner);
    rig.router.startAfter(subscription, 1);
    rig.router.epochChanged(TOPIC, 'new', 3);
    const ends = (): unknown[] =>
      traced().map(({ epoch, sequence, recipients }) => [epoch === 'new', sequence, recipients.get(owner.number)?.end]);
    expect(ends()).toEqual([
      [false, 1, undefined],
      [false, 2, undefined],
      [false, 3, 'lost'],
    ]);
    rig.router.published({ ...publication(TOPIC, { epoch: 'new', sequence: 3 }), id: 'another' });
    rig.topic(TOPIC).trace?.ended(1, 3, owner, 'replayed');
    expect(ends()).toEqual([
      [false, 1, undefined],
      [false, 2, 'replayed'],
      [false, 3, 'lost'],
      [true, 3, 'replayed'],
    ]);
  });

  test('that a publisher heard of first finds its message', () => {
    const id = stored(3, 'new', rig.clock.now() + 1);
    const trace = rig.topic(TOPIC).trace;
    trace?.ended(2, 3, new TestSubscriber(), 'written');
    expect(tracing.find(id)?.recipients.size).toBe(0);
    rig.router.epochChanged(TOPIC, 'new', 3);
    trace?.ended(2, 3, new TestSubscriber(), 'written');
    expect(tracing.find(id)?.recipients.size).toBe(1);
  });

  test('an owner that numbers anew cuts off everything', () => {
    const owner = new TestSubscriber();
    rig.router.startAfter(rig.router.join(TOPIC, owner), 0);
    rig.router.renumbered(TOPIC, { epoch: 'owner', sequence: 99 });
    expect(traced().map(({ recipients }) => recipients.get(owner.number)?.end)).toEqual(['lost', 'lost', 'lost']);
    const later = new TestSubscriber();
    rig.topic(TOPIC).trace?.ended(0, 3, later, 'written');
    expect(traced().map(({ recipients }) => recipients.has(later.number))).toEqual([false, false, false]);
  });

  test('an id that is used again within the same millisecond is another message', () => {
    const epoch = epochOf();
    const id = traced()[2]?.id ?? '';
    rig.router.epochChanged(TOPIC, 'new', 3);
    rig.router.published({ ...publication(TOPIC, { epoch: 'new', sequence: 3 }, '3'), id });
    expect(tracing.find(id)).toMatchObject({ epoch: 'new' });
    tracing.stored(
      TOPIC,
      { id, position: { epoch, sequence: 3 }, duplicate: false },
      { ...CONTENT, payload: '2' },
      TIMES,
    );
    expect(tracing.find(id)).toMatchObject({ epoch: 'new', from: 'ada' });
  });
});

test('an epoch of which only the broker’s answer tells, because nobody listened, is a new beginning', () => {
  tracing.enable('chat.**', null);
  const answer = { isRefused: true };
  rig.interest.refusal = refusal('log_unavailable', 'the broker is away');
  rig.interest.holds = 'answers';
  rig.router.joinPattern('chat.*', new TestSubscriber(), (refused) => {
    answer.isRefused = refused !== null;
    for (const subscription of rig.topic(TOPIC).subscriptions.slice()) rig.router.leave(subscription);
  });
  rig.router.published(publication(TOPIC, { epoch: 'old', sequence: 1 }));
  rig.interest.letGo();
  expect(answer.isRefused).toBe(true);
  rig.interest.refusal = null;
  const owner = new TestSubscriber();
  rig.subscribe(TOPIC, owner);
  rig.publish(TOPIC);
  rig.endTurn();
  rig.topic(TOPIC).trace?.ended(0, 1, owner, 'written');
  expect(traced().map(({ epoch, recipients }) => [epoch === epochOf(), recipients.get(owner.number)?.end])).toEqual([
    [false, undefined],
    [true, 'written'],
  ]);
});
