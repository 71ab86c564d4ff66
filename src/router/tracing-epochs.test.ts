/** A message that is found again under an epoch of which the node did not know that the stream goes on there. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Publication } from '../protocol/position.ts';
import { publication, RouterRig, TestSubscriber } from './test-rig.ts';

const TOPIC = 'chat.a';
const early = new TestSubscriber();
const late = new TestSubscriber();
let rig: RouterRig;
let message: Publication;

beforeEach(() => {
  rig = new RouterRig();
  rig.router.tracing.enable(TOPIC, null);
  rig.subscribe(TOPIC, new TestSubscriber());
  rig.publish(TOPIC);
  rig.endTurn();
  message = publication(TOPIC, { epoch: 'new', sequence: 1 });
  message = { ...message, id: [...rig.router.tracing.messages()][0]?.id ?? '' };
  rig.topic(TOPIC).trace?.ended(0, 1, early, 'written');
  rig.router.epochChanged(TOPIC, 'new', 1);
});

const users = (): string[] =>
  [...rig.router.tracing.messages()].flatMap(({ recipients }) =>
    [...recipients.values()].filter(({ deliveries }) => deliveries > 0).map(({ user }) => user),
  );

test('keeps who got it when it is routed again', () => {
  rig.router.published(message);
  rig.topic(TOPIC).trace?.ended(0, 1, late, 'written');
  expect(users()).toEqual([early.principal.user, late.principal.user]);
});

test('keeps who got it when it is replayed, and when it would be too old to be new', () => {
  rig.topic(TOPIC).trace?.replayed([{ ...message, timestamp: 0 }], late);
  expect(users()).toEqual([early.principal.user, late.principal.user]);
});

test('and another one with its id begins without recipients', () => {
  rig.router.published({ ...message, payload: '2' });
  rig.topic(TOPIC).trace?.ended(0, 1, late, 'written');
  expect(users()).toEqual([late.principal.user]);
});

describe('a stream that comes back after another one had its place', () => {
  const back = (): void => {
    rig.router.epochChanged(TOPIC, 'newest', 1);
    rig.router.published({ ...message, position: { epoch: 'newest', sequence: 1 } });
    rig.topic(TOPIC).trace?.ended(0, 1, late, 'written');
  };

  test('brings no message that had to leave the trace for another one with its id: not without who got it first', () => {
    rig.router.published({ ...message, payload: '2' });
    back();
    expect([...rig.router.tracing.messages()].map(({ epoch }) => epoch)).toEqual(['new']);
    expect(users()).toEqual([]);
  });

  test('brings none that had left the trace by its age', () => {
    const { messages } = rig.router.tracing.usage;
    for (let count = 0; count < messages; count += 1) {
      const sequence = count + 1;
      rig.router.published({ ...publication(TOPIC, { epoch: 'new', sequence }), id: `other-${count}` });
    }
    expect(rig.router.tracing.find(message.id)).toBeUndefined();
    back();
    expect(rig.router.tracing.find(message.id)).toBeUndefined();
    expect(users()).toEqual([]);
  });

  test('brings new ones, which are traced', () => {
    rig.router.published({ ...message, payload: '2' });
    back();
    const next = publication(TOPIC, { epoch: 'newest', sequence: 2 });
    rig.router.published(next);
    rig.topic(TOPIC).trace?.ended(1, 2, late, 'written');
    expect(rig.router.tracing.find(next.id)?.recipients.size).toBe(1);
  });
});
