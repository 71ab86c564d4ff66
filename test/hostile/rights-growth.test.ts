/** A change of rights costs what it touches: an application makes one for every change of a membership, hundreds a second. */
import { expect, test } from 'vitest';
import { Rights } from '../../src/auth/rights.ts';
import { TestRig } from '../../src/connection/test-rig.ts';
import { touchedBy } from '../../src/node/change-rights.ts';
import { ConnectionsByUser } from '../../src/node/connections-by-user.ts';
import { Decisions } from '../../src/service/decisions.ts';
import type { RightsChange } from '../../src/service/rights-change.ts';
import type { TopicOwner } from '../../src/service/topic-owners.ts';
import { VirtualClock } from '../../src/simulation/virtual-clock.ts';
import { stepGrowthOf } from '../harness/steps.ts';

/** Twice as many others: what walks over them takes twice the steps. */
const FLAT = 1.5;

const CHANGES: readonly { readonly what: string; readonly change: RightsChange }[] = [
  { what: 'a user', change: { tenant: '', user: 'user-7' } },
  { what: 'a user and a topic', change: { tenant: '', user: 'user-7', topic: 'room.7' } },
  { what: 'a topic', change: { tenant: '', topic: 'room.7' } },
  { what: 'a pattern', change: { tenant: '', topic: 'room.7.*' } },
];

function decisionsWith(size: number, isAnswered: boolean): Decisions {
  const owner: TopicOwner = {
    app: 'rooms',
    mayAct: (_principal, _action, _name, reply) => {
      if (isAnswered) reply(null);
    },
    publishing: null,
    history: null,
  };
  const clock = new VirtualClock();
  const rights = new Rights({ rules: [], fallback: { subscribe: ['user'], publish: ['user'] }, direct: [] });
  const decisions = new Decisions({ timeoutMs: 2_000, ageMs: 60_000, capacity: 1_000_000 }, rights, clock, clock);
  decisions.useOwners({ of: () => owner, overlapping: () => [{ owner, isWhole: true }] });
  const rest = { tenant: '', roles: ['user'], topics: null, tokenId: undefined, issuedAt: 0, expiresAt: Infinity };
  for (let at = 0; at < size; at += 1)
    for (const name of [`room.${at}`, `room.${at}.*`])
      decisions.ask({ ...rest, user: `user-${at}` }, 'subscribe', name, () => {});
  return decisions;
}

test.each(CHANGES)('$what: twice as many remembered answers make it no longer', ({ change }) => {
  const growth = stepGrowthOf((size) => {
    const decisions = decisionsWith(size, true);
    return () => decisions.rightsChanged(change);
  }, 500);
  expect(growth).toBeLessThanOrEqual(FLAT);
});

test.each(CHANGES)('$what: nor do twice as many questions under way', ({ change }) => {
  const growth = stepGrowthOf((size) => {
    const decisions = decisionsWith(size, false);
    return () => decisions.rightsChanged(change);
  }, 500);
  expect(growth).toBeLessThanOrEqual(FLAT);
});

test.each(CHANGES)('$what: nor do twice as many connections', ({ change }) => {
  const growth = stepGrowthOf((size) => {
    const rig = new TestRig({ limits: { limitRates: false } });
    for (let at = 0; at < size; at += 1) rig.connect(`user-${at}`).subscribe(`room.${at}`, `room.${at}.*`);
    const { connections, context } = rig;
    const node = { connections, byUser: new ConnectionsByUser(connections), parts: { context } };
    const touched = touchedBy(change, node as unknown as Parameters<typeof touchedBy>[1]);
    expect(touched.map(({ principal }) => principal.user)).toEqual(['user-7']);
    return () => void touchedBy(change, node as unknown as Parameters<typeof touchedBy>[1]);
  }, 200);
  expect(growth).toBeLessThanOrEqual(FLAT);
});
