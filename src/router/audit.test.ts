import { describe, expect, test } from 'vitest';
import { unaccounted } from './audit.ts';
import { ENDED, JOINING, LAGGING, LIVE, type Subscription } from './subscription.ts';
import { RouterRig, TestSubscriber } from './test-rig.ts';

/** A subscription with five publications queued, in a topic that has had three before. */
function queuedFive(): { rig: RouterRig; subscription: Subscription } {
  const rig = new RouterRig();
  rig.subscribe('chat.a', new TestSubscriber());
  rig.publish('chat.a', 3);
  const subscription = rig.subscribe('chat.a', new TestSubscriber());
  rig.publish('chat.a', 5);
  rig.endTurn();
  expect(subscription).toMatchObject({ state: LIVE, written: 3, queued: 5 });
  return { rig, subscription };
}

function write(subscription: Subscription, count: number): void {
  subscription.written += count;
  subscription.live += count;
}

describe('the books are in order', () => {
  test('while publications are queued and after they were written', () => {
    const { subscription } = queuedFive();
    expect(unaccounted(subscription)).toBe(0);
    write(subscription, 2);
    expect(unaccounted(subscription)).toBe(0);
    write(subscription, 3);
    expect(unaccounted(subscription)).toBe(0);
  });

  test('through a lag: displaced, deferred, replayed, and live again', () => {
    const { rig, subscription } = queuedFive();
    write(subscription, 1);
    subscription.beginLag(true);
    expect(subscription).toMatchObject({
      state: LAGGING,
      displaced: 4,
      queued: 0,
      overflowed: true,
    });
    expect(unaccounted(subscription)).toBe(0);
    rig.publish('chat.a', 6);
    rig.endTurn();
    expect(unaccounted(subscription)).toBe(0);
    subscription.books().replayed += 10;
    subscription.written += 10;
    subscription.endLag();
    expect(subscription).toMatchObject({ state: LIVE, deferred: 6, queued: 0, overflowed: false });
    expect(unaccounted(subscription)).toBe(0);
    rig.publish('chat.a', 2);
    rig.endTurn();
    expect(subscription.queued).toBe(2);
    expect(unaccounted(subscription)).toBe(0);
  });

  test('when the log no longer had a part, and that was announced', () => {
    const { subscription } = queuedFive();
    subscription.beginLag(true);
    subscription.written = 8;
    Object.assign(subscription.books(), { lost: 2, replayed: 3 });
    subscription.endLag();
    expect(unaccounted(subscription)).toBe(0);
  });

  test('before the start and after the end there is nothing to explain', () => {
    const { subscription } = queuedFive();
    subscription.live += 99;
    expect(unaccounted(subscription)).toBeGreaterThan(0);
    for (const state of [JOINING, ENDED] as const) {
      subscription.state = state;
      expect(unaccounted(subscription)).toBe(0);
    }
  });
});

describe('what the books cannot explain is counted', () => {
  test('a publication that was skipped', () => {
    const { subscription } = queuedFive();
    subscription.written += 1;
    // Neither written nor announced: it is missing from both laws.
    expect(unaccounted(subscription)).toBe(2);
  });

  test('a publication that was written twice', () => {
    const { subscription } = queuedFive();
    write(subscription, 5);
    subscription.live += 1;
    expect(unaccounted(subscription)).toBe(2);
  });

  test('a loss that was not announced', () => {
    const { subscription } = queuedFive();
    subscription.beginLag(true);
    subscription.written = 8;
    Object.assign(subscription.books(), { lost: 1, replayed: 3 });
    expect(unaccounted(subscription)).toBe(1);
  });

  test('publications that were queued and then forgotten', () => {
    const { subscription } = queuedFive();
    subscription.beginLag(true);
    subscription.books().displaced = 0;
    expect(unaccounted(subscription)).toBe(5);
  });
});
