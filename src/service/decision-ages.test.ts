/** What an owner decides on, and how long each of its answers holds. */
import { expect, test } from 'vitest';
import type { Principal } from '../auth/principal.ts';
import { Rights, type Action } from '../auth/rights.ts';
import type { Refusal } from '../protocol/errors.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { Decisions } from './decisions.ts';
import type { TopicOwner } from './topic-owners.ts';

const alice: Principal = {
  tenant: '',
  user: 'alice',
  roles: ['user'],
  topics: null,
  tokenId: undefined,
  issuedAt: 0,
  expiresAt: Infinity,
};

/** The rules allow nobody to publish; the owner allows everything, and says for how long. */
function scene(ageMs: number | undefined, decides?: readonly Action[]) {
  const clock = new VirtualClock();
  const rights = new Rights({
    rules: [],
    fallback: { subscribe: ['user'], publish: [] },
    direct: [],
  });
  const asked: string[] = [];
  const owner: TopicOwner = {
    app: 'test',
    mayAct: (_principal, action, _name, reply) => {
      asked.push(action);
      reply(null, ageMs);
    },
    decides,
    publishing: null,
    history: null,
  };
  const decisions = new Decisions({ timeoutMs: 1_000, ageMs: 60_000, capacity: 100 }, rights, clock, clock);
  decisions.useOwners({ of: () => owner, overlapping: () => [{ owner, isWhole: true }] });
  const ask = (action: Action): (Refusal | null)[] => {
    const answers: (Refusal | null)[] = [];
    decisions.ask(alice, action, 'chat.1', (problem) => answers.push(problem));
    return answers;
  };
  return { clock, asked, decisions, ask };
}

test('an answer holds for the time that it names', () => {
  const { clock, asked, ask, decisions } = scene(5_000);
  ask('subscribe');
  clock.advance(4_999);
  expect(decisions.decide(alice, 'subscribe', 'chat.1')).toBeNull();
  clock.advance(1);
  expect(decisions.decide(alice, 'subscribe', 'chat.1')).toBeUndefined();
  expect(asked).toEqual(['subscribe']);
});

test('answers that hold no more are forgotten although nobody asks, a part at a time, and the others stay', () => {
  const { clock, decisions } = scene(undefined);
  const askFor = (name: string): void => decisions.ask(alice, 'subscribe', name, () => {});
  for (let at = 0; at < 10; at += 1) askFor(`old.${at}`);
  clock.advance(30_000);
  askFor('young');
  clock.advance(30_000);
  expect(decisions.size).toBe(11);
  expect([decisions.sweep(6), decisions.size, decisions.isSweeping]).toEqual(['has_time', 5, true]);
  expect([decisions.sweep(6), decisions.size, decisions.isSweeping]).toEqual(['nothing', 1, false]);
  expect(decisions.decide(alice, 'subscribe', 'young')).toBeNull();
});

test('one of 0 is asked for every time, and one that names none has the age of the configuration', () => {
  const never = scene(0);
  expect([never.ask('subscribe'), never.ask('subscribe')]).toEqual([[null], [null]]);
  expect(never.asked).toHaveLength(2);
  expect(never.decisions.size).toBe(0);
  const usual = scene(undefined);
  usual.ask('subscribe');
  usual.clock.advance(59_999);
  expect(usual.decisions.decide(alice, 'subscribe', 'chat.1')).toBeNull();
});

test('on what an owner does not decide, the rules do', () => {
  const { asked, ask, decisions } = scene(0, ['subscribe']);
  expect(decisions.decide(alice, 'publish', 'chat.1')).toMatchObject({ reason: 'not_allowed' });
  expect(decisions.decide(alice, 'subscribe', 'chat.1')).toBeUndefined();
  expect(ask('publish')).toMatchObject([{ reason: 'not_allowed' }]);
  expect(asked).toEqual([]);
});
