import { describe, expect, test } from 'vitest';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { json } from '../protocol/json.ts';
import { JOINING, LAGGING, LIVE } from './subscription.ts';
import { LINGER_MS, RouterRig, TestSubscriber } from './test-rig.ts';

const REFUSAL: Refusal = refusal('log_unavailable', 'the broker is away');

describe('interest in a topic', () => {
  test('the broker is asked once, however many ask and wait', () => {
    const rig = new RouterRig();
    rig.interest.holds = 'calls';
    const ready: (Refusal | null)[] = [];
    const { topic } = rig.router.join('chat.a', new TestSubscriber());
    for (let at = 0; at < 3; at += 1) rig.router.whenKept(topic, (refused) => ready.push(refused));
    expect(ready).toEqual([]);
    rig.interest.letGo();
    expect(ready).toEqual([null, null, null]);
    rig.router.whenKept(topic, (refused) => ready.push(refused));
    expect(ready).toHaveLength(4);
    expect(rig.interest.retained).toEqual(['chat.a']);
  });

  test('a topic is ready, with epoch and head, when the broker has answered', () => {
    const rig = new RouterRig();
    rig.publish('chat.a', 4);
    rig.interest.holds = 'calls';
    const { topic } = rig.router.join('chat.a', new TestSubscriber());
    rig.router.whenKept(topic, () => {});
    expect(topic.isReady).toBe(false);
    rig.interest.letGo();
    expect(topic).toMatchObject({ isReady: true, isEphemeral: false, head: 4, routedHead: 4 });
    expect(topic.epoch).not.toBe('');
  });

  test('what comes before the answer is not lost: it is routed when the answer is there', () => {
    const rig = new RouterRig();
    const [ada, pat] = [new TestSubscriber(), new TestSubscriber()];
    rig.subscribePattern('chat.*', pat);
    rig.interest.holds = 'answers';
    const subscription = rig.router.join('chat.a', ada);
    rig.router.whenKept(subscription.topic, () => rig.router.startAfter(subscription, 0));
    rig.publish('chat.a', 3);
    rig.endTurn();
    expect(pat.told).toEqual([]);
    rig.interest.letGo();
    rig.endTurn();
    expect(pat.counts('chat.a')).toEqual([3]);
    expect(pat.brought.get('chat.a')).toMatchObject({ state: LIVE, written: 0, queued: 3 });
    expect(subscription).toMatchObject({ state: LAGGING, written: 0 });
    rig.publish('chat.a');
    rig.endTurn();
    expect(pat.counts('chat.a')).toEqual([3, 1]);
  });

  test('what the answer already covers is not routed again', () => {
    const rig = new RouterRig();
    rig.subscribePattern('chat.*', new TestSubscriber());
    rig.interest.holds = 'calls';
    const ada = new TestSubscriber();
    const subscription = rig.router.join('chat.a', ada);
    rig.router.whenKept(subscription.topic, () => rig.router.startLive(subscription));
    // The notices, which the pattern brings, overtake the answer, which says 3.
    rig.publish('chat.a', 3);
    rig.interest.letGo();
    rig.endTurn();
    expect(subscription).toMatchObject({ state: LIVE, written: 3, queued: 0 });
    expect(ada.told).toEqual([]);
    expect(subscription.topic.head).toBe(3);
  });

  test('what comes before the answer is bounded; what did not fit is left to the log', () => {
    const rig = new RouterRig({ tail: { messages: 4 } });
    const pat = new TestSubscriber();
    rig.subscribePattern('chat.*', pat);
    rig.interest.holds = 'answers';
    const subscription = rig.router.join('chat.a', new TestSubscriber());
    rig.router.whenKept(subscription.topic, () => rig.router.startAfter(subscription, 0));
    rig.publish('chat.a', 10);
    rig.interest.letGo();
    rig.endTurn();
    expect(subscription.topic.head).toBe(10);
    expect(pat.what('chat.a')).toEqual(['fellBehind']);
    expect(pat.brought.get('chat.a')).toMatchObject({ state: LAGGING, written: 0 });
    expect(subscription).toMatchObject({ state: LAGGING, written: 0 });
  });

  test('an answer that knows more than a pattern has brought moves everybody to the log', () => {
    const rig = new RouterRig();
    const pat = new TestSubscriber();
    rig.publish('chat.a', 2);
    rig.subscribePattern('chat.*', pat);
    rig.interest.holds = 'calls';
    const subscription = rig.router.join('chat.a', new TestSubscriber());
    rig.router.whenKept(subscription.topic, () => rig.router.startLive(subscription));
    // Two notices get lost.
    void rig.broker.stop();
    rig.publish('chat.a', 2);
    void rig.broker.start(rig.router);
    rig.interest.letGo();
    expect(pat.what('chat.a')).toEqual(['fellBehind']);
    expect(pat.brought.get('chat.a')).toMatchObject({ state: LAGGING, written: 2 });
    expect(subscription).toMatchObject({ state: LIVE, written: 4 });
  });

  test('a refusal reaches everybody who waits, and a later subscriber asks again', () => {
    const rig = new RouterRig();
    rig.interest.refusal = REFUSAL;
    rig.interest.holds = 'calls';
    const outcomes: (Refusal | null)[] = [];
    const first = rig.router.join('chat.a', new TestSubscriber());
    for (let at = 0; at < 2; at += 1)
      rig.router.whenKept(first.topic, (refused) => {
        outcomes.push(refused);
        rig.router.leave(first);
      });
    rig.interest.letGo();
    expect(outcomes).toEqual([REFUSAL, REFUSAL]);
    expect(first.topic.isReady).toBe(false);
    rig.interest.refusal = null;
    const ada = new TestSubscriber();
    expect(rig.subscribe('chat.a', ada).state).toBe(LIVE);
    rig.publish('chat.a');
    rig.endTurn();
    expect(ada.counts('chat.a')).toEqual([1]);
  });

  test('a refused topic is dropped without a release that nobody owes', () => {
    const rig = new RouterRig();
    rig.interest.refusal = REFUSAL;
    const subscription = rig.router.join('chat.a', new TestSubscriber());
    rig.router.whenKept(subscription.topic, () => rig.router.leave(subscription));
    rig.clock.advance(LINGER_MS);
    rig.router.sweep();
    expect(rig.isOpen('chat.a')).toBe(false);
    expect(rig.interest.released).toEqual([]);
  });
});

describe('a refused topic that patterns match', () => {
  test('is theirs as if nobody had asked for it', () => {
    const rig = new RouterRig();
    const pat = new TestSubscriber();
    rig.interest.refusal = REFUSAL;
    const subscription = rig.router.join('chat.a', new TestSubscriber());
    rig.router.whenKept(subscription.topic, () => rig.router.leave(subscription));
    expect(rig.isOpen('chat.a')).toBe(false);
    rig.interest.refusal = null;
    rig.subscribePattern('chat.*', pat);
    rig.publish('chat.a');
    rig.endTurn();
    expect(pat.counts('chat.a')).toEqual([1]);
  });

  test('is brought by them from the first message that came before the refusal', () => {
    const rig = new RouterRig();
    const pat = new TestSubscriber();
    rig.subscribePattern('chat.*', pat);
    rig.interest.refusal = REFUSAL;
    rig.interest.holds = 'calls';
    const subscription = rig.router.join('chat.a', new TestSubscriber());
    rig.router.whenKept(subscription.topic, () => rig.router.leave(subscription));
    rig.publish('chat.a', 3);
    rig.endTurn();
    expect(pat.counts('chat.a')).toEqual([]);
    rig.interest.letGo();
    rig.publish('chat.a');
    rig.endTurn();
    expect(pat.counts('chat.a')).toEqual([4]);
  });

  test('is brought by them while somebody has yet to hear of the refusal', () => {
    const rig = new RouterRig();
    const pat = new TestSubscriber();
    rig.subscribePattern('chat.*', pat);
    rig.interest.refusal = REFUSAL;
    const subscription = rig.router.join('chat.a', new TestSubscriber());
    rig.router.whenKept(subscription.topic, () => {});
    rig.publish('chat.a');
    rig.endTurn();
    expect(pat.counts('chat.a')).toEqual([1]);
    expect(subscription.state).toBe(JOINING);
  });
});

describe('topics that nobody listens to', () => {
  test('linger for a while and are then given back', () => {
    const rig = new RouterRig();
    const subscription = rig.subscribe('chat.a', new TestSubscriber());
    rig.publish('chat.a', 3);
    rig.clock.advance(LINGER_MS * 2);
    rig.router.sweep();
    expect(rig.isOpen('chat.a')).toBe(true);
    rig.router.leave(subscription);
    rig.clock.advance(LINGER_MS - 1);
    rig.router.sweep();
    expect(rig.isOpen('chat.a')).toBe(true);
    expect(rig.interest.released).toEqual([]);
    rig.clock.advance(1);
    rig.router.sweep();
    expect(rig.isOpen('chat.a')).toBe(false);
    expect(rig.interest.released).toEqual(['chat.a']);
    expect(rig.router.usage()).toEqual({ topics: 0, resting: 0, tailBytes: 0 });
  });

  test('are found with their tail by clients that come back in time', () => {
    const rig = new RouterRig();
    const first = rig.subscribe('chat.a', new TestSubscriber());
    rig.router.leave(first);
    rig.publish('chat.a', 3);
    rig.clock.advance(LINGER_MS - 1);
    const ada = new TestSubscriber();
    const second = rig.router.join('chat.a', ada);
    rig.router.startAfter(second, 0);
    rig.clock.advance(LINGER_MS);
    rig.router.sweep();
    expect(rig.isOpen('chat.a')).toBe(true);
    expect(second.topic).toBe(first.topic);
    expect(second.topic.tailFirst(json)).toBe(1);
    expect(rig.interest.retained).toEqual(['chat.a']);
  });

  test('stay while the broker has not answered', () => {
    const rig = new RouterRig();
    rig.interest.holds = 'calls';
    const subscription = rig.router.join('chat.a', new TestSubscriber());
    rig.router.whenKept(subscription.topic, () => {});
    rig.router.leave(subscription);
    rig.clock.advance(LINGER_MS * 2);
    rig.router.sweep();
    expect(rig.isOpen('chat.a')).toBe(true);
    rig.interest.letGo();
    rig.clock.advance(LINGER_MS);
    rig.router.sweep();
    expect(rig.isOpen('chat.a')).toBe(false);
    expect(rig.interest.released).toEqual(['chat.a']);
  });

  test('are looked through in several turns when there are very many', () => {
    const rig = new RouterRig({ maxTopics: 5_000 });
    const ada = new TestSubscriber();
    const subscriptions = Array.from({ length: 5_000 }, (_, at) => rig.subscribe(`chat.t${at}`, ada));
    for (const subscription of subscriptions) rig.router.leave(subscription);
    rig.clock.advance(LINGER_MS);
    const turns = Array.from({ length: 3 }, () => [rig.router.sweep(), rig.router.usage().topics]);
    expect(turns).toEqual([
      ['has_time', 3_000],
      ['has_time', 1_000],
      ['nothing', 0],
    ]);
  });

  test('are opened anew at the head of then', () => {
    const rig = new RouterRig();
    rig.router.leave(rig.subscribe('chat.a', new TestSubscriber()));
    rig.clock.advance(LINGER_MS);
    rig.router.sweep();
    rig.publish('chat.a', 5);
    expect(rig.subscribe('chat.a', new TestSubscriber())).toMatchObject({ state: LIVE, written: 5 });
  });
});
