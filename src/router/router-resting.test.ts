/** Topics that only patterns bring are let go of after a silence, and go on where they stood. */
import { describe, expect, test } from 'vitest';
import { LAGGING, LIVE, type Subscription } from './subscription.ts';
import { LINGER_MS, publication, REST_MS, RouterRig, TestSubscriber } from './test-rig.ts';

const TOPIC = 'chat.a';

function follower(rig: RouterRig): TestSubscriber {
  const subscriber = new TestSubscriber();
  subscriber.router = rig.router;
  return subscriber;
}

/** Everything of a topic is written, as a flush does. */
function write(subscriber: TestSubscriber, topic = TOPIC): Subscription {
  const subscription = subscriber.brought.get(topic);
  if (subscription === undefined) throw new Error(`${topic} was not brought`);
  subscription.written = subscription.topic.routedHead;
  return subscription;
}

function pass(rig: RouterRig, ms = REST_MS): void {
  rig.clock.advance(ms);
  rig.router.sweep();
}

/** A subscriber of `chat.*` that has three messages of a topic, which then rests. */
function rested(): { rig: RouterRig; ada: TestSubscriber; epoch: string } {
  const rig = new RouterRig();
  const ada = follower(rig);
  rig.subscribePattern('chat.*', ada);
  rig.publish(TOPIC, 3);
  rig.endTurn();
  const { epoch } = write(ada).topic;
  pass(rig);
  expect([rig.isOpen(TOPIC), ada.resting, rig.router.usage().resting]).toEqual([false, [TOPIC], 1]);
  return { rig, ada, epoch };
}

describe('a topic that only a pattern brings', () => {
  test('rests after a silence, and goes on with its next message: nothing twice, nothing missing', () => {
    const { rig, ada } = rested();
    rig.publish(TOPIC, 2);
    rig.endTurn();
    expect(ada.brought.get(TOPIC)).toMatchObject({ state: LIVE, joined: 3, queued: 2 });
    expect(ada.counts(TOPIC)).toEqual([3, 2]);
    expect(rig.router.usage().resting).toBe(0);
    // And again.
    write(ada);
    pass(rig);
    expect(rig.isOpen(TOPIC)).toBe(false);
  });

  test('does not rest before, nor while anybody has not all of it, names it, or waits with it', () => {
    const rig = new RouterRig();
    const [ada, bob] = [follower(rig), follower(rig)];
    for (const one of [ada, bob]) rig.subscribePattern('chat.*', one);
    rig.publish(TOPIC, 3);
    rig.endTurn();
    write(ada);
    const subscription = write(bob);
    pass(rig, REST_MS - 1);
    const prevented: ((subscription: Subscription) => void)[] = [
      (it) => (it.written = 2),
      (it) => (it.state = LAGGING),
      (it) => (it.holds = 1),
      (it) => (it.isExplicit = true),
      (it) => (it.isWaiting = true),
      (it) => (it.gap = { cause: 'no_history', count: 1 }),
    ];
    for (const prevent of prevented) {
      prevent(subscription);
      pass(rig, 1);
      expect([rig.isOpen(TOPIC), String(prevent)]).toEqual([true, String(prevent)]);
      Object.assign(subscription, {
        written: 3,
        state: LIVE,
        holds: 0,
        isExplicit: false,
        isWaiting: false,
        gap: null,
      });
    }
    pass(rig, 1);
    expect([rig.isOpen(TOPIC), ada.resting, bob.resting]).toEqual([false, [TOPIC], [TOPIC]]);
  });

  test('that somebody named once is given back to the pattern, whose interest brings it', () => {
    const rig = new RouterRig();
    const ada = follower(rig);
    rig.subscribePattern('chat.*', ada);
    const named = rig.subscribe(TOPIC, new TestSubscriber());
    rig.publish(TOPIC, 1);
    rig.endTurn();
    rig.router.leave(named);
    write(ada);
    pass(rig);
    expect(rig.interest.released).toEqual([TOPIC]);
    rig.publish(TOPIC, 1);
    rig.endTurn();
    expect(ada.counts(TOPIC)).toEqual([1, 1]);
  });

  test('finds a hole that came about while it rested', () => {
    const { rig, ada, epoch } = rested();
    rig.router.published(publication(TOPIC, { epoch, sequence: 6 }));
    expect(ada.brought.get(TOPIC)).toMatchObject({ state: LAGGING, written: 3 });
  });

  test('goes on for those that name it, with the pattern where it stood', () => {
    const { rig, ada } = rested();
    const bob = new TestSubscriber();
    const named = rig.subscribe(TOPIC, bob);
    expect(named).toMatchObject({ state: LIVE, joined: 3 });
    rig.publish(TOPIC);
    rig.endTurn();
    expect([ada.counts(TOPIC), bob.counts(TOPIC)]).toEqual([[3, 1], [1]]);
  });

  test('goes on for another subscriber of a pattern at its head', () => {
    const { rig, ada } = rested();
    const bob = follower(rig);
    rig.subscribePattern('chat.**', bob);
    rig.publish(TOPIC);
    rig.endTurn();
    expect([ada.counts(TOPIC), bob.counts(TOPIC)]).toEqual([[3, 1], [1]]);
  });

  test('tells of an epoch that was lost while it rested', () => {
    const { rig, ada } = rested();
    rig.router.epochChanged(TOPIC, 'next', 1);
    expect(ada.brought.get(TOPIC)?.gap).toEqual({ cause: 'history_lost', epoch: 'next', sequence: 0 });
    expect(ada.what(TOPIC)).toContain('announced');
  });

  test('that is no more is forgotten: what comes under its name is another', () => {
    const { rig, ada } = rested();
    // Its log is empty after an hour, and the broker forgets it a minute later.
    rig.clock.advance(3_700_000);
    rig.broker.sweep();
    expect(rig.router.usage().resting).toBe(0);
    rig.publish(TOPIC);
    rig.endTurn();
    expect(ada.brought.get(TOPIC)).toMatchObject({ joined: 0, queued: 1, gap: null });
  });

  test('is forgotten with the last pattern that brings it', () => {
    const { rig, ada } = rested();
    const bob = follower(rig);
    rig.subscribePattern('chat.b.*', bob);
    rig.router.leavePattern('chat.b.*', bob);
    expect(rig.router.usage().resting).toBe(1);
    rig.router.leavePattern('chat.*', ada);
    expect(rig.router.usage().resting).toBe(0);
  });

  test('without a log is only closed', () => {
    const rig = new RouterRig();
    const ada = follower(rig);
    rig.subscribePattern('typing.*', ada);
    rig.publish('typing.a', 2);
    rig.endTurn();
    write(ada, 'typing.a');
    pass(rig);
    expect([rig.isOpen('typing.a'), rig.router.usage().resting]).toEqual([false, 0]);
    rig.publish('typing.a');
    rig.endTurn();
    expect(ada.counts('typing.a')).toEqual([2, 1]);
  });
});

test('a topic that is subscribed to by name never rests', () => {
  const rig = new RouterRig();
  const ada = new TestSubscriber();
  const subscription = rig.subscribe(TOPIC, ada);
  subscription.isExplicit = true;
  pass(rig, 10 * REST_MS + LINGER_MS);
  expect(rig.isOpen(TOPIC)).toBe(true);
});
