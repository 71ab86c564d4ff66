/** A message that is found again under an epoch of which the node did not know that the stream goes on there. */
import { beforeEach, expect, test } from 'vitest';
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
