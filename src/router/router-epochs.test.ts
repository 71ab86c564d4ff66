import { describe, expect, test } from 'vitest';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { json } from '../protocol/json.ts';
import { unaccounted } from './audit.ts';
import { JOINING, LAGGING, LIVE, type Subscription } from './subscription.ts';
import { publication, RouterRig, TestSubscriber } from './test-rig.ts';

const TOPIC = 'chat.a';
const REFUSAL: Refusal = refusal('log_unavailable', 'the broker is away');

interface Placed {
  readonly owner: TestSubscriber;
  readonly subscription: Subscription;
}

/** A subscriber that has been written everything up to a sequence and is live. */
function writtenUpTo(rig: RouterRig, sequence: number): Placed {
  const owner = new TestSubscriber();
  const subscription = rig.router.join(TOPIC, owner);
  rig.router.startAfter(subscription, sequence);
  return { owner, subscription };
}

/** A topic with so many messages, which somebody else keeps open. */
function openAt(rig: RouterRig, head: number): string {
  rig.subscribe(TOPIC, new TestSubscriber());
  rig.publish(TOPIC, head);
  rig.endTurn();
  return rig.topic(TOPIC).epoch;
}

describe('a jump in the sequence', () => {
  test('sends the live subscribers to the log, from where they are', () => {
    const rig = new RouterRig();
    const epoch = openAt(rig, 3);
    const { owner, subscription } = writtenUpTo(rig, 3);
    rig.router.published(publication(TOPIC, { epoch, sequence: 6 }));
    rig.endTurn();
    expect(owner.what(TOPIC)).toEqual(['fellBehind']);
    expect(subscription).toMatchObject({ state: LAGGING, written: 3 });
    expect(subscription.topic).toMatchObject({ head: 6, routedHead: 6, epoch });
    expect(subscription.topic.tailFirst(json)).toBe(6);
    expect(unaccounted(subscription)).toBe(0);
  });

  test('what came before it in the same turn is counted first', () => {
    const rig = new RouterRig();
    const epoch = openAt(rig, 3);
    const { owner, subscription } = writtenUpTo(rig, 3);
    rig.router.published(publication(TOPIC, { epoch, sequence: 4 }));
    rig.router.published(publication(TOPIC, { epoch, sequence: 7 }));
    rig.endTurn();
    expect(owner.what(TOPIC)).toEqual(['queued', 'fellBehind']);
    expect(subscription).toMatchObject({ state: LAGGING, written: 3, displaced: 1 });
    expect(unaccounted(subscription)).toBe(0);
  });

  test('an answer that knows a later head is a jump too', () => {
    const rig = new RouterRig();
    const epoch = openAt(rig, 3);
    const { owner, subscription } = writtenUpTo(rig, 3);
    rig.router.heard(subscription.topic, epoch, 1, 5);
    expect(owner.what(TOPIC)).toEqual(['fellBehind']);
    expect(subscription.topic.head).toBe(5);
    rig.router.heard(subscription.topic, epoch, 1, 4);
    expect(owner.what(TOPIC)).toEqual(['fellBehind']);
    expect(subscription.topic.head).toBe(5);
  });
});

describe('a new epoch', () => {
  const FIRST = 4;

  test.each([
    ['below the first of the new epoch', 1, null],
    ['right before it', 3, null],
    ['at it', 4, FIRST - 1],
    ['after it', 6, FIRST - 1],
  ])('written %s', (_, written, announcedAfter) => {
    const rig = new RouterRig();
    openAt(rig, 6);
    const { owner, subscription } = writtenUpTo(rig, written);
    const { generation } = subscription;
    rig.router.epochChanged(TOPIC, 'new', FIRST);
    expect(subscription.state).toBe(LAGGING);
    expect(subscription.topic).toMatchObject({ epoch: 'new', head: FIRST - 1, routedHead: FIRST - 1 });
    if (announcedAfter === null) {
      // Nothing of what it has was lost: it goes on under the new epoch, and nothing is announced.
      expect(subscription).toMatchObject({ written, gap: null, generation });
    } else {
      expect(subscription).toMatchObject({
        written: announcedAfter,
        gap: { cause: 'history_lost', epoch: 'new', sequence: announcedAfter },
      });
      expect(subscription.generation).toBeGreaterThan(generation);
    }
    expect(owner.what(TOPIC).at(-1)).toBe('announced');
    expect(unaccounted(subscription)).toBe(0);
  });

  test('queued publications of the old epoch beyond its end are not delivered from the tail', () => {
    const rig = new RouterRig();
    const epoch = openAt(rig, 2);
    const { owner, subscription } = writtenUpTo(rig, 2);
    for (const sequence of [3, 4, 5]) rig.router.published(publication(TOPIC, { epoch, sequence }));
    rig.router.epochChanged(TOPIC, 'new', 4);
    rig.endTurn();
    expect(owner.what(TOPIC)).toEqual(['queued', 'fellBehind', 'announced']);
    expect(subscription).toMatchObject({ state: LAGGING, written: 2, queued: 0, gap: null });
    expect(subscription.topic.head).toBe(3);
    rig.router.published(publication(TOPIC, { epoch: 'new', sequence: 4 }));
    expect(subscription.topic.head).toBe(4);
  });

  test('a tail that ends before the first of the new epoch goes on there', () => {
    const rig = new RouterRig();
    openAt(rig, 2);
    const { subscription } = writtenUpTo(rig, 2);
    rig.router.epochChanged(TOPIC, 'new', 10);
    expect(subscription).toMatchObject({ state: LAGGING, written: 2, gap: null });
    expect(subscription.topic).toMatchObject({ head: 9, epoch: 'new' });
  });

  test('the same epoch again changes nothing', () => {
    const rig = new RouterRig();
    const epoch = openAt(rig, 3);
    const { owner, subscription } = writtenUpTo(rig, 3);
    const { epochNumber } = subscription.topic;
    rig.router.epochChanged(TOPIC, epoch, 1);
    expect(owner.told).toEqual([]);
    expect(subscription).toMatchObject({ state: LIVE, written: 3 });
    expect(subscription.topic.epochNumber).toBe(epochNumber);
    rig.router.epochChanged('chat.nobody', 'new', 1);
    expect(rig.isOpen('chat.nobody')).toBe(false);
  });

  test('each new epoch has a number of its own, so that late answers are recognised', () => {
    const rig = new RouterRig();
    openAt(rig, 3);
    const topic = rig.topic(TOPIC);
    const numbers = [topic.epochNumber];
    for (const epoch of ['second', 'third']) {
      rig.router.epochChanged(TOPIC, epoch, 1);
      numbers.push(topic.epochNumber);
    }
    expect(new Set(numbers).size).toBe(3);
  });

  test.each([
    ['the topic', (rig: RouterRig) => rig.subscribe(TOPIC, new TestSubscriber())],
    ['a pattern', (rig: RouterRig) => rig.router.joinPattern('chat.**', new TestSubscriber(), () => {})],
  ])('an answer about %s that was asked for before it takes nothing back to the ended one', (_, ask) => {
    const rig = new RouterRig();
    const pat = new TestSubscriber();
    rig.publish(TOPIC, 2);
    rig.subscribePattern('chat.*', pat);
    // The pattern keeps the topic open; nobody listens to it, so the answer would be believed.
    const brought = pat.brought.get(TOPIC);
    if (brought !== undefined) rig.router.leave(brought);
    rig.interest.holds = 'answers';
    ask(rig);
    rig.router.epochChanged(TOPIC, 'new', 1);
    rig.router.published(publication(TOPIC, { epoch: 'new', sequence: 1 }));
    rig.interest.letGo();
    expect(rig.topic(TOPIC)).toMatchObject({ epoch: 'new', head: 1 });
  });

  test.each([
    ['a new epoch', (rig: RouterRig) => rig.router.epochChanged(TOPIC, 'new', 2), 1],
    ['a new numbering', (rig: RouterRig) => rig.router.renumbered(TOPIC, { epoch: 'new', sequence: 9 }), 9],
  ])('that a notice tells before a late answer about the old one is where the topic begins (%s)', (_, begin, head) => {
    const rig = new RouterRig();
    rig.publish(TOPIC, 2);
    rig.interest.holds = 'answers';
    const subscription = rig.subscribe(TOPIC, new TestSubscriber());
    begin(rig);
    rig.interest.letGo();
    expect(subscription).toMatchObject({ state: LIVE, written: head });
    expect(subscription.topic).toMatchObject({ epoch: 'new', head });
  });

  test('a publication says it, when the notice got lost', () => {
    const rig = new RouterRig();
    openAt(rig, 5);
    const { owner, subscription } = writtenUpTo(rig, 5);
    rig.router.published(publication(TOPIC, { epoch: 'new', sequence: 1 }));
    rig.endTurn();
    expect(owner.what(TOPIC)).toEqual(['fellBehind', 'announced']);
    expect(subscription).toMatchObject({ written: 0, gap: { cause: 'history_lost', epoch: 'new', sequence: 0 } });
    expect(subscription.topic).toMatchObject({ epoch: 'new', head: 1 });
  });

  test('an answer of the broker says it too', () => {
    const rig = new RouterRig();
    openAt(rig, 5);
    const { subscription } = writtenUpTo(rig, 5);
    rig.router.heard(subscription.topic, 'new', 1, 2);
    expect(subscription.topic).toMatchObject({ epoch: 'new', head: 2 });
    expect(subscription).toMatchObject({ written: 0, gap: { cause: 'history_lost', epoch: 'new', sequence: 0 } });
  });

  test.each([
    ['a new epoch', (rig: RouterRig) => rig.router.epochChanged(TOPIC, 'new', 3)],
    ['a new numbering', (rig: RouterRig) => rig.router.renumbered(TOPIC, { epoch: 'new', sequence: 0 })],
  ])('what came before the answer and before %s does not take the topic back to the ended one', (_, begin) => {
    const rig = new RouterRig();
    const pat = new TestSubscriber();
    rig.subscribePattern('chat.*', pat);
    rig.interest.refusal = REFUSAL;
    rig.interest.holds = 'calls';
    const subscription = rig.router.join(TOPIC, new TestSubscriber());
    rig.router.whenKept(subscription.topic, () => {});
    for (const sequence of [1, 2, 3]) rig.router.published(publication(TOPIC, { epoch: 'old', sequence }));
    begin(rig);
    rig.router.published(publication(TOPIC, { epoch: 'new', sequence: 3 }));
    rig.interest.letGo();
    rig.endTurn();
    expect(subscription.topic).toMatchObject({ epoch: 'new', head: 3, epochNumber: 0 });
    expect(pat.brought.get(TOPIC)?.gap).toBeNull();
  });

  test('who has not started yet is told nothing', () => {
    const rig = new RouterRig();
    openAt(rig, 5);
    const owner = new TestSubscriber();
    const joining = rig.router.join(TOPIC, owner);
    rig.router.epochChanged(TOPIC, 'new', 1);
    expect(owner.told).toEqual([]);
    expect(joining).toMatchObject({ state: JOINING, gap: null });
  });

  test('a log that the broker lost comes through as one', () => {
    const rig = new RouterRig();
    openAt(rig, 5);
    const { subscription } = writtenUpTo(rig, 5);
    rig.broker.forget(TOPIC);
    expect(subscription.gap).toMatchObject({ cause: 'history_lost', sequence: 0 });
    rig.publish(TOPIC);
    rig.endTurn();
    expect(subscription.topic).toMatchObject({ head: 1 });
    expect(subscription.gap).toMatchObject({ epoch: subscription.topic.epoch });
  });
});

describe('a new numbering by the owner of a topic', () => {
  test('who was at the head goes on live at the new position, without a word', () => {
    const rig = new RouterRig();
    openAt(rig, 0);
    const { owner, subscription } = writtenUpTo(rig, 0);
    rig.router.renumbered(TOPIC, { epoch: 'owner', sequence: 99 });
    expect(owner.told).toEqual([]);
    expect(subscription).toMatchObject({ state: LIVE, written: 99, joined: 99, gap: null });
    expect(subscription.topic).toMatchObject({ epoch: 'owner', head: 99 });
    rig.router.published(publication(TOPIC, { epoch: 'owner', sequence: 100 }));
    rig.endTurn();
    expect(owner.counts(TOPIC)).toEqual([1]);
    expect(subscription.queued).toBe(1);
    expect(unaccounted(subscription)).toBe(0);
  });

  test('who had something queued or lagged is told that history is lost', () => {
    const rig = new RouterRig();
    openAt(rig, 3);
    const queued = writtenUpTo(rig, 3);
    const lagging = writtenUpTo(rig, 1);
    rig.publish(TOPIC);
    rig.endTurn();
    expect(queued.subscription.queued).toBe(1);
    rig.router.renumbered(TOPIC, { epoch: 'owner', sequence: 99 });
    for (const { owner, subscription } of [queued, lagging]) {
      expect(subscription).toMatchObject({
        state: LIVE,
        written: 99,
        gap: { cause: 'history_lost', epoch: 'owner', sequence: 99 },
      });
      expect(owner.what(TOPIC).at(-1)).toBe('announced');
    }
  });

  test('what was published before it in the same turn is counted first', () => {
    const rig = new RouterRig();
    openAt(rig, 3);
    const { owner, subscription } = writtenUpTo(rig, 3);
    rig.publish(TOPIC);
    rig.router.renumbered(TOPIC, { epoch: 'owner', sequence: 99 });
    expect(owner.what(TOPIC)).toEqual(['queued', 'fellBehind', 'announced']);
    expect(subscription.gap).toEqual({ cause: 'history_lost', epoch: 'owner', sequence: 99 });
  });

  test('makes late answers of the old numbering known as such', () => {
    const rig = new RouterRig();
    openAt(rig, 3);
    const topic = rig.topic(TOPIC);
    const { epochNumber } = topic;
    rig.router.renumbered(TOPIC, { epoch: 'owner', sequence: 99 });
    expect(topic.epochNumber).not.toBe(epochNumber);
  });

  test('who has not started yet is told nothing, and topics that are not open stay so', () => {
    const rig = new RouterRig();
    openAt(rig, 0);
    const owner = new TestSubscriber();
    const joining = rig.router.join(TOPIC, owner);
    rig.router.renumbered(TOPIC, { epoch: 'owner', sequence: 99 });
    expect(owner.told).toEqual([]);
    expect(joining).toMatchObject({ state: JOINING, written: 0 });
    rig.router.renumbered('chat.nobody', { epoch: 'owner', sequence: 99 });
    expect(rig.isOpen('chat.nobody')).toBe(false);
  });

  test('before the broker has said where the topic stands, it is left to that answer', () => {
    const rig = new RouterRig();
    rig.interest.holds = 'calls';
    const subscription = rig.router.join(TOPIC, new TestSubscriber());
    rig.router.whenKept(subscription.topic, () => rig.router.startLive(subscription));
    rig.router.renumbered(TOPIC, { epoch: 'owner', sequence: 99 });
    expect(subscription.topic).toMatchObject({ isReady: false, head: 0 });
    rig.interest.letGo();
    expect(subscription.state).toBe(LIVE);
  });

  test('through the broker: subscribers on an empty log follow the first message of the owner', () => {
    const rig = new RouterRig();
    const owner = new TestSubscriber();
    const subscription = rig.subscribe(TOPIC, owner);
    const statuses: unknown[] = [];
    for (const sequence of [100, 101]) {
      const draft = { payload: '1', from: 'o', clientId: undefined, trace: undefined, idempotencyKey: undefined };
      rig.broker.append(TOPIC, { epoch: 'owner', sequence }, 0, draft, (answer) => statuses.push(answer));
    }
    rig.endTurn();
    expect(statuses).toEqual([{ status: 'appended' }, { status: 'appended' }]);
    expect(owner.told).toMatchObject([{ what: 'queued', count: 2 }]);
    expect(subscription).toMatchObject({ written: 99, queued: 2, gap: null });
  });
});
