import { describe, expect, test } from 'vitest';
import { json } from '../protocol/json.ts';
import { msgpack } from '../protocol/msgpack.ts';
import { LAGGING, LIVE } from './subscription.ts';
import { publication, RouterRig, sizeOf, TestSubscriber } from './test-rig.ts';

describe('routing', () => {
  test('what is published in a turn is queued once at its end, with its count and bytes', () => {
    const rig = new RouterRig();
    const ada = new TestSubscriber();
    const { topic } = rig.subscribe('chat.a', ada);
    const sent = [1, 2, 3].map((sequence) =>
      publication('chat.a', { epoch: topic.epoch, sequence }, JSON.stringify('x'.repeat(sequence * 10))),
    );
    for (const item of sent) rig.router.published(item);
    expect(ada.told).toEqual([]);
    rig.endTurn();
    expect(ada.told).toEqual([{ what: 'queued', topic: 'chat.a', count: 3, bytes: sizeOf(json, sent) }]);
  });

  test('every subscriber counts the bytes of its own format', () => {
    const rig = new RouterRig();
    const text = new TestSubscriber(json);
    const binary = new TestSubscriber(msgpack);
    const { topic } = rig.subscribe('chat.a', text);
    rig.subscribe('chat.a', binary);
    const item = publication('chat.a', { epoch: topic.epoch, sequence: 1 }, '{"some":["payload",1]}');
    rig.router.published(item);
    rig.endTurn();
    expect(text.told).toEqual([{ what: 'queued', topic: 'chat.a', count: 1, bytes: sizeOf(json, [item]) }]);
    expect(binary.told).toEqual([{ what: 'queued', topic: 'chat.a', count: 1, bytes: sizeOf(msgpack, [item]) }]);
    expect(sizeOf(json, [item])).not.toBe(sizeOf(msgpack, [item]));
  });

  test('every turn is counted for itself, and a turn without news tells nobody', () => {
    const rig = new RouterRig();
    const ada = new TestSubscriber();
    rig.subscribe('chat.a', ada);
    for (const count of [2, 0, 1]) {
      rig.publish('chat.a', count);
      rig.endTurn();
    }
    expect(ada.counts('chat.a')).toEqual([2, 1]);
  });

  test('only who subscribes to a topic is told of it', () => {
    const rig = new RouterRig();
    const [ada, bob] = [new TestSubscriber(), new TestSubscriber()];
    rig.subscribe('chat.a', ada);
    rig.subscribe('chat.b', bob);
    rig.publish('chat.a', 2);
    rig.publish('chat.c');
    rig.endTurn();
    expect(ada.counts('chat.a')).toEqual([2]);
    expect(bob.told).toEqual([]);
    expect(rig.isOpen('chat.c')).toBe(false);
  });

  test('who joins in the middle of a turn gets what follows, the others get all of it', () => {
    const rig = new RouterRig();
    const [ada, bob] = [new TestSubscriber(), new TestSubscriber()];
    rig.subscribe('chat.a', ada);
    rig.publish('chat.a', 2);
    const late = rig.subscribe('chat.a', bob);
    rig.publish('chat.a', 3);
    rig.endTurn();
    expect(ada.counts('chat.a').reduce((sum = 0, count = 0) => sum + count, 0)).toBe(5);
    expect(bob.counts('chat.a')).toEqual([3]);
    expect(late).toMatchObject({ state: LIVE, written: 2, queued: 3 });
  });

  test('subscriptions that lag or have not started are not queued for', () => {
    const rig = new RouterRig();
    const [ada, bob, eve] = [new TestSubscriber(), new TestSubscriber(), new TestSubscriber()];
    const lagging = rig.subscribe('chat.a', ada);
    rig.router.join('chat.a', bob);
    rig.subscribe('chat.a', eve);
    lagging.beginLag(true);
    rig.publish('chat.a');
    rig.endTurn();
    expect(ada.told).toEqual([]);
    expect(bob.told).toEqual([]);
    expect(eve.counts('chat.a')).toEqual([1]);
  });

  test('a publication that was there before is ignored', () => {
    const rig = new RouterRig();
    const ada = new TestSubscriber();
    const { topic } = rig.subscribe('chat.a', ada);
    const { epoch } = topic;
    for (const sequence of [1, 2, 2, 1, 3]) rig.router.published(publication('chat.a', { epoch, sequence }));
    rig.endTurn();
    expect(ada.counts('chat.a')).toEqual([3]);
    expect(topic.head).toBe(3);
  });

  test('a publication that nobody asked for is ignored', () => {
    const rig = new RouterRig();
    rig.router.published(publication('chat.a', { epoch: 'e', sequence: 1 }));
    rig.endTurn();
    expect(rig.router.usage()).toEqual({ topics: 0, resting: 0, tailBytes: 0 });
  });

  test('ephemeral publications are numbered by the node', () => {
    const rig = new RouterRig();
    const ada = new TestSubscriber();
    const subscription = rig.subscribe('typing.a', ada);
    rig.publish('typing.a', 3);
    rig.endTurn();
    expect(ada.counts('typing.a')).toEqual([3]);
    expect(subscription).toMatchObject({ state: LIVE, written: 0, queued: 3 });
    expect(subscription.topic).toMatchObject({ isEphemeral: true, head: 3, epoch: '' });
  });

  test('recipients are the subscriptions of a topic', () => {
    const rig = new RouterRig();
    expect(rig.router.recipients('chat.a')).toBe(0);
    const first = rig.subscribe('chat.a', new TestSubscriber());
    rig.subscribe('chat.a', new TestSubscriber());
    expect(rig.router.recipients('chat.a')).toBe(2);
    rig.router.leave(first);
    expect(rig.router.recipients('chat.a')).toBe(1);
  });

  test('before the tail would lose what is not routed yet, it is flushed at once; nothing is lost', () => {
    const rig = new RouterRig({ tail: { messages: 6 } });
    const ada = new TestSubscriber();
    const subscription = rig.subscribe('chat.a', ada);
    ada.whenQueued = () => {
      // As a connection does whose socket has room: it takes everything that is in the tail.
      expect(subscription.topic.tailFirst(json)).toBeLessThanOrEqual(subscription.written + 1);
      subscription.live += subscription.queued;
      subscription.written = subscription.topic.routedHead;
    };
    rig.publish('chat.a', 50);
    expect(rig.flushedAtOnce).toBeGreaterThan(1);
    rig.endTurn();
    expect(subscription.written).toBe(50);
    expect(ada.what('chat.a').every((what) => what === 'queued')).toBe(true);
  });
});

describe('leaving', () => {
  test('the last subscription takes the place of the one that leaves', () => {
    const rig = new RouterRig();
    const owners = ['a', 'b', 'c', 'd'].map(() => new TestSubscriber());
    const [a, b, c, d] = owners.map((owner) => rig.subscribe('chat.a', owner));
    if (a === undefined || b === undefined || c === undefined || d === undefined) throw new Error('four subscriptions');
    rig.router.leave(b);
    expect(a.topic.subscriptions).toEqual([a, d, c]);
    rig.router.leave(c);
    expect(a.topic.subscriptions).toEqual([a, d]);
    expect(a.topic.subscriptions.map(({ slot }) => slot)).toEqual([0, 1]);
    expect([b.slot, c.slot]).toEqual([-1, -1]);
    rig.publish('chat.a');
    rig.endTurn();
    expect(owners.map((owner) => owner.counts('chat.a'))).toEqual([[1], [], [], [1]]);
  });

  test('leaving twice does no harm', () => {
    const rig = new RouterRig();
    const [ada, bob] = [new TestSubscriber(), new TestSubscriber()];
    const first = rig.subscribe('chat.a', ada);
    rig.subscribe('chat.a', bob);
    rig.router.leave(first);
    rig.router.leave(first);
    rig.publish('chat.a');
    rig.endTurn();
    expect(rig.router.recipients('chat.a')).toBe(1);
    expect(bob.counts('chat.a')).toEqual([1]);
  });

  test('a generation ends with the subscription, so that late answers find nobody', () => {
    const rig = new RouterRig();
    const subscription = rig.subscribe('chat.a', new TestSubscriber());
    const { generation } = subscription;
    rig.router.leave(subscription);
    expect(subscription.generation).toBeGreaterThan(generation);
  });

  test.each([0, 1, 2, 3])('when subscriber %i leaves while it is told, the others are told once each', (who) => {
    const rig = new RouterRig();
    const owners = [0, 1, 2, 3].map(() => new TestSubscriber());
    for (const owner of owners) rig.subscribe('chat.a', owner);
    const leaver = owners[who];
    if (leaver !== undefined) leaver.whenQueued = (subscription) => rig.router.leave(subscription);
    rig.publish('chat.a', 2);
    rig.endTurn();
    expect(owners.map((owner) => owner.counts('chat.a'))).toEqual([[2], [2], [2], [2]]);
    rig.publish('chat.a');
    rig.endTurn();
    expect(owners.map((owner) => owner.counts('chat.a').length)).toEqual(
      [0, 1, 2, 3].map((owner) => (owner === who ? 1 : 2)),
    );
  });
});

describe('a subscriber that throws', () => {
  test('is told of its fault, and keeps nobody from their publications', () => {
    const rig = new RouterRig();
    const owners = [0, 1, 2].map(() => new TestSubscriber());
    for (const owner of owners) rig.subscribe('chat.a', owner);
    const fault = new Error('planted');
    const bad = owners[1];
    if (bad !== undefined)
      bad.whenQueued = () => {
        throw fault;
      };
    rig.publish('chat.a');
    rig.endTurn();
    expect(owners.map((owner) => owner.counts('chat.a'))).toEqual([[1], [1], [1]]);
    expect(owners.map(({ faults }) => faults)).toEqual([[], [fault], []]);
  });

  test('does not keep other topics of the turn from being routed', () => {
    const rig = new RouterRig();
    const [bad, good] = [new TestSubscriber(), new TestSubscriber()];
    rig.subscribe('chat.a', bad);
    rig.subscribe('chat.b', good);
    bad.whenQueued = () => {
      throw new Error('planted');
    };
    rig.publish('chat.a');
    rig.publish('chat.b');
    rig.endTurn();
    expect(good.counts('chat.b')).toEqual([1]);
  });
});

describe('starting after an earlier message', () => {
  test('at the head it is live, before it it lags', () => {
    const rig = new RouterRig();
    const ada = new TestSubscriber();
    rig.subscribe('chat.a', new TestSubscriber());
    rig.publish('chat.a', 5);
    const [atHead, behind] = [rig.router.join('chat.a', ada), rig.router.join('chat.a', ada)];
    rig.router.startAfter(atHead, 5);
    rig.router.startAfter(behind, 3);
    expect(atHead).toMatchObject({ state: LIVE, written: 5, joined: 5, queued: 0 });
    expect(behind).toMatchObject({ state: LAGGING, written: 3, joined: 3, queued: 0 });
  });

  test('a position that is news to the router moves everybody to the log', () => {
    const rig = new RouterRig();
    const [ada, bob] = [new TestSubscriber(), new TestSubscriber()];
    const live = rig.subscribe('chat.a', ada);
    rig.publish('chat.a', 2);
    const ahead = rig.router.join('chat.a', bob);
    rig.router.startAfter(ahead, 4);
    expect(ada.what('chat.a')).toEqual(['queued', 'fellBehind']);
    expect(live).toMatchObject({ state: LAGGING, written: 0 });
    expect(ahead).toMatchObject({ state: LIVE, written: 4 });
    expect(live.topic.head).toBe(4);
  });
});
