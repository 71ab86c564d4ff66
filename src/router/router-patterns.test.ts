import { describe, expect, test } from 'vitest';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { JOINING, LAGGING, LIVE, type SubscriptionState } from './subscription.ts';
import { LINGER_MS, publication, RouterRig, TestSubscriber } from './test-rig.ts';

const REFUSAL: Refusal = refusal('log_unavailable', 'the broker is away');

describe('patterns', () => {
  test('bring the topics that exist, at their heads', () => {
    const rig = new RouterRig();
    rig.publish('chat.a', 3);
    rig.publish('other.a');
    const ada = new TestSubscriber();
    expect(rig.subscribePattern('chat.*', ada)).toBeNull();
    expect([...ada.brought.keys()]).toEqual(['chat.a']);
    expect(ada.brought.get('chat.a')).toMatchObject({ state: LIVE, written: 3, queued: 0 });
    rig.publish('chat.a', 2);
    rig.endTurn();
    expect(ada.counts('chat.a')).toEqual([2]);
  });

  test('bring a topic that is born later from its first message', () => {
    const rig = new RouterRig();
    const ada = new TestSubscriber();
    rig.subscribePattern('chat.**', ada);
    rig.publish('chat.new.room', 2);
    rig.endTurn();
    expect(ada.brought.get('chat.new.room')).toMatchObject({ state: LIVE, written: 0, queued: 2 });
    expect(ada.counts('chat.new.room')).toEqual([2]);
  });

  test('bring a topic whose first notices got lost from its first message, out of the log', () => {
    const rig = new RouterRig();
    const ada = new TestSubscriber();
    rig.subscribePattern('chat.*', ada);
    rig.router.published(publication('chat.new', { epoch: 'e', sequence: 3 }));
    rig.endTurn();
    expect(ada.brought.get('chat.new')).toMatchObject({ state: LAGGING, written: 0 });
    expect(ada.what('chat.new')).toEqual(['announced']);
  });

  test('bring what other subscribers opened, too', () => {
    const rig = new RouterRig();
    const [ada, pat] = [new TestSubscriber(), new TestSubscriber()];
    rig.subscribe('chat.a', ada);
    rig.subscribe('typing.a', ada);
    rig.publish('chat.a', 2);
    rig.subscribePattern('chat.*', pat);
    rig.subscribePattern('typing.*', pat);
    expect([...pat.brought.keys()].toSorted()).toEqual(['chat.a', 'typing.a']);
    rig.publish('chat.a');
    rig.publish('typing.a');
    rig.endTurn();
    expect(pat.counts('chat.a')).toEqual([1]);
    expect(pat.counts('typing.a')).toEqual([1]);
  });

  test('bring nothing that they do not match, also of the same first segment', () => {
    const rig = new RouterRig();
    const [ada, pat] = [new TestSubscriber(), new TestSubscriber()];
    for (const topic of ['typing.a.deeper', 'typing.b', 'typing']) rig.subscribe(topic, ada);
    rig.subscribePattern('typing.*', pat);
    expect([...pat.brought.keys()]).toEqual(['typing.b']);
  });

  test('bring nothing that was given back', () => {
    const rig = new RouterRig();
    rig.router.leave(rig.subscribe('typing.a', new TestSubscriber()));
    rig.clock.advance(LINGER_MS);
    rig.router.sweep();
    const pat = new TestSubscriber();
    rig.subscribePattern('typing.*', pat);
    expect(pat.brought.size).toBe(0);
    rig.publish('typing.a');
    rig.endTurn();
    expect(pat.counts('typing.a')).toEqual([1]);
  });

  test('that match several times deliver once', () => {
    const rig = new RouterRig();
    const ada = new TestSubscriber();
    ada.brought.set('chat.a', rig.subscribe('chat.a', ada));
    for (const pattern of ['chat.*', 'chat.**']) rig.subscribePattern(pattern, ada);
    rig.publish('chat.a', 2);
    rig.publish('chat.b', 2);
    rig.endTurn();
    expect(ada.counts('chat.a')).toEqual([2]);
    expect(ada.counts('chat.b')).toEqual([2]);
    expect(rig.router.recipients('chat.a')).toBe(1);
    expect(rig.router.recipients('chat.b')).toBe(1);
  });

  test('may be declined topic by topic', () => {
    const rig = new RouterRig();
    const [ada, bob] = [new TestSubscriber(), new TestSubscriber()];
    ada.declines = true;
    rig.subscribePattern('chat.*', ada);
    rig.subscribePattern('chat.*', bob);
    rig.publish('chat.a');
    rig.endTurn();
    expect(ada.told).toEqual([]);
    expect(bob.counts('chat.a')).toEqual([1]);
  });

  test('that are refused bring nothing', () => {
    const rig = new RouterRig();
    const ada = new TestSubscriber();
    rig.interest.refusal = REFUSAL;
    expect(rig.subscribePattern('chat.*', ada)).toEqual(REFUSAL);
    rig.interest.refusal = null;
    rig.subscribe('chat.a', new TestSubscriber());
    rig.publish('chat.a');
    rig.endTurn();
    expect(ada.brought.size).toBe(0);
  });

  test('that end release their interest and the topics that only they brought', () => {
    const rig = new RouterRig();
    const [ada, bob] = [new TestSubscriber(), new TestSubscriber()];
    rig.subscribe('chat.kept', bob);
    rig.subscribePattern('chat.*', ada);
    rig.publish('chat.brought');
    rig.endTurn();
    const brought = ada.brought.get('chat.brought');
    if (brought !== undefined) rig.router.leave(brought);
    rig.router.leavePattern('chat.*', ada);
    expect(rig.interest.released).toEqual(['chat.*']);
    expect(rig.isOpen('chat.brought')).toBe(false);
    expect(rig.isOpen('chat.kept')).toBe(true);
    rig.publish('chat.kept');
    rig.publish('chat.brought');
    rig.endTurn();
    expect(bob.counts('chat.kept')).toEqual([1]);
    expect(rig.isOpen('chat.brought')).toBe(false);
  });

  test('that were left before they were refused take nobody else’s interest with them', () => {
    const rig = new RouterRig();
    const [ada, bob] = [new TestSubscriber(), new TestSubscriber()];
    rig.subscribePattern('chat.*', bob);
    rig.interest.refusal = REFUSAL;
    rig.interest.holds = 'answers';
    const outcomes: (Refusal | null)[] = [];
    rig.router.joinPattern('chat.*', ada, (refused) => outcomes.push(refused));
    rig.router.leavePattern('chat.*', ada);
    rig.interest.letGo();
    rig.router.leavePattern('chat.*', ada);
    expect(outcomes).toEqual([REFUSAL]);
    expect(rig.interest.released).toEqual([]);
    rig.publish('chat.a');
    rig.endTurn();
    expect(bob.counts('chat.a')).toEqual([1]);
  });

  test('that are left before they were granted are released after the answer, once, and bring nothing', () => {
    const rig = new RouterRig();
    const ada = new TestSubscriber();
    rig.publish('chat.a');
    rig.interest.holds = 'answers';
    const outcomes: (Refusal | null)[] = [];
    rig.router.joinPattern('chat.*', ada, (refused) => outcomes.push(refused));
    rig.router.leavePattern('chat.*', ada);
    expect(rig.interest.released).toEqual([]);
    rig.interest.letGo();
    expect(outcomes).toEqual([null]);
    expect(rig.interest.released).toEqual(['chat.*']);
    expect(ada.brought.size).toBe(0);
    expect(rig.isOpen('chat.a')).toBe(false);
  });

  test('that are asked for again before the first answer are held once', () => {
    const rig = new RouterRig();
    const ada = new TestSubscriber();
    rig.interest.refusal = REFUSAL;
    rig.interest.holds = 'answers';
    rig.router.joinPattern('chat.*', ada, () => {});
    rig.router.leavePattern('chat.*', ada);
    rig.interest.refusal = null;
    rig.router.joinPattern('chat.*', ada, () => {});
    rig.interest.letGo();
    rig.publish('chat.a');
    rig.endTurn();
    expect(ada.counts('chat.a')).toEqual([1]);
    rig.router.leavePattern('chat.*', ada);
    expect(rig.interest.released).toEqual(['chat.*']);
  });

  test('that are left because a topic was refused end nobody else who waits for that topic', () => {
    const rig = new RouterRig();
    const [ada, bob] = [new TestSubscriber(), new TestSubscriber()];
    rig.subscribePattern('chat.*', ada);
    rig.interest.refusal = REFUSAL;
    rig.interest.holds = 'calls';
    const [hers, his] = [rig.router.join('chat.a', ada), rig.router.join('chat.a', bob)];
    rig.router.whenKept(hers.topic, () => {
      rig.router.leave(hers);
      rig.router.leavePattern('chat.*', ada);
    });
    const found: SubscriptionState[] = [];
    rig.router.whenKept(his.topic, () => found.push(his.state));
    rig.interest.letGo();
    expect(found).toEqual([JOINING]);
    expect(rig.topic('chat.a').subscriptions).toEqual([his]);
  });

  test('of others keep what they match', () => {
    const rig = new RouterRig();
    const [ada, bob] = [new TestSubscriber(), new TestSubscriber()];
    rig.subscribePattern('chat.*', ada);
    rig.subscribePattern('chat.**', bob);
    rig.publish('chat.a');
    rig.endTurn();
    const brought = ada.brought.get('chat.a');
    if (brought !== undefined) rig.router.leave(brought);
    rig.router.leavePattern('chat.*', ada);
    rig.publish('chat.a');
    rig.endTurn();
    expect(ada.counts('chat.a')).toEqual([1]);
    expect(bob.counts('chat.a')).toEqual([1, 1]);
  });

  test('make a topic ready that still waits for its own answer', () => {
    const rig = new RouterRig();
    rig.publish('chat.a', 3);
    rig.interest.holds = 'calls';
    const subscription = rig.router.join('chat.a', new TestSubscriber());
    rig.router.whenKept(subscription.topic, () => rig.router.startLive(subscription));
    rig.interest.holds = 'nothing';
    const ada = new TestSubscriber();
    rig.subscribePattern('chat.*', ada);
    expect(subscription.topic).toMatchObject({ isReady: true, head: 3 });
    expect(subscription.state).toBe(JOINING);
    rig.interest.letGo();
    expect(subscription).toMatchObject({ state: LIVE, written: 3 });
  });
});
