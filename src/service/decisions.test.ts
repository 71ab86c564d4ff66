import { beforeEach, describe, expect, test } from 'vitest';
import type { Principal } from '../auth/principal.ts';
import { Rights, type Action } from '../auth/rights.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { covers, matches, overlaps, wireName } from '../protocol/topic.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { Decisions } from './decisions.ts';
import type { TopicOwner, TopicOwners } from './topic-owners.ts';

const NO = refusal('not_allowed', 'the owner says no');
const OPTIONS = { timeoutMs: 2_000, ageMs: 60_000, capacity: 3 };

/** An application that owns `poll.**` and answers when the test says so. */
class Poll implements TopicOwners {
  readonly asked: { readonly who: string; readonly reply: (problem: Refusal | null) => void }[] = [];
  readonly pattern = 'poll.**';
  readonly owner: TopicOwner = {
    app: 'poll',
    mayAct: (principal, action, name, reply) =>
      void this.asked.push({ who: `${principal.user} ${action} ${name}`, reply }),
    publishing: null,
    history: null,
  };

  of(topic: string): TopicOwner | null {
    return matches(this.pattern, wireName(topic)) ? this.owner : null;
  }

  overlapping(pattern: string): { owner: TopicOwner; isWhole: boolean }[] {
    const isWhole = covers(this.pattern, pattern);
    return overlaps(this.pattern, pattern) ? [{ owner: this.owner, isWhole }] : [];
  }
}

let clock: VirtualClock;
let poll: Poll;
let decisions: Decisions;
let answers: string[];

beforeEach(() => {
  clock = new VirtualClock();
  poll = new Poll();
  const rights = new Rights({
    rules: [{ pattern: 'closed.**', subscribe: [], publish: [] }],
    fallback: { subscribe: ['user'], publish: ['user'] },
    direct: ['user'],
  });
  decisions = new Decisions(OPTIONS, rights, clock, clock);
  decisions.useOwners(poll);
  answers = [];
});

function principal(user: string, claims: Partial<Principal> = {}): Principal {
  const unlimited = { topics: null, tokenId: undefined, issuedAt: 0, expiresAt: Infinity };
  return { tenant: '', user, roles: ['user'], ...unlimited, ...claims };
}

function ask(user: string, name: string, action: Action = 'subscribe', claims: Partial<Principal> = {}): void {
  decisions.ask(principal(user, claims), action, name, (problem) => answers.push(problem?.reason ?? 'yes'));
}

describe('without an owner', () => {
  test("the token's rules decide at once", () => {
    expect(decisions.decide(principal('ada'), 'subscribe', 'chat.a')).toBeNull();
    expect(decisions.decide(principal('ada'), 'publish', 'closed.a')).toMatchObject({ reason: 'not_allowed' });
    expect(decisions.decide(principal('ada'), 'subscribe', '@me')).toBeNull();
  });
});

describe('on an owned topic', () => {
  test('it is not known until the owner has said it, and then it is remembered', () => {
    expect(decisions.decide(principal('ada'), 'subscribe', 'poll.1')).toBeUndefined();
    ask('ada', 'poll.1');
    expect(answers).toEqual([]);
    poll.asked[0]?.reply(null);
    expect(answers).toEqual(['yes']);
    expect(decisions.decide(principal('ada'), 'subscribe', 'poll.1')).toBeNull();
    ask('ada', 'poll.1');
    expect(poll.asked).toHaveLength(1);
  });

  test('another user, action or topic is another question, and other roles of the same user are', () => {
    ask('ada', 'poll.1');
    ask('bob', 'poll.1');
    ask('ada', 'poll.1', 'publish');
    for (const { reply } of poll.asked) reply(null);
    expect(decisions.decide(principal('ada'), 'subscribe', 'poll.2')).toBeUndefined();
    expect(decisions.decide(principal('ada', { roles: ['guest'] }), 'subscribe', 'poll.1')).toBeUndefined();
    expect(decisions.decide(principal('ada', { tenant: 't' }), 'subscribe', 'poll.1')).toBeUndefined();
    expect(poll.asked.map(({ who }) => who)).toEqual([
      'ada subscribe poll.1',
      'bob subscribe poll.1',
      'ada publish poll.1',
    ]);
  });

  test('many who ask at once make one question', () => {
    for (let at = 0; at < 100; at += 1) ask('ada', 'poll.1');
    expect(poll.asked).toHaveLength(1);
    poll.asked[0]?.reply(NO);
    expect(answers).toEqual(Array.from({ length: 100 }, () => 'not_allowed'));
    expect(decisions.pending).toBe(0);
  });

  test('an answer is old after its time', () => {
    ask('ada', 'poll.1');
    poll.asked[0]?.reply(null);
    clock.advance(OPTIONS.ageMs - 1);
    expect(decisions.decide(principal('ada'), 'subscribe', 'poll.1')).toBeNull();
    clock.advance(1);
    expect(decisions.decide(principal('ada'), 'subscribe', 'poll.1')).toBeUndefined();
  });

  test('so many are remembered, the oldest leave first', () => {
    for (const name of ['poll.1', 'poll.2', 'poll.3', 'poll.4']) {
      ask('ada', name);
      poll.asked.at(-1)?.reply(null);
    }
    expect(decisions.size).toBe(3);
    expect(decisions.decide(principal('ada'), 'subscribe', 'poll.1')).toBeUndefined();
    expect(decisions.decide(principal('ada'), 'subscribe', 'poll.4')).toBeNull();
  });

  test('so many questions are under way, more are refused for now', () => {
    for (const name of ['poll.1', 'poll.2', 'poll.3', 'poll.4']) ask('ada', name);
    expect(answers).toEqual(['rights_unavailable']);
  });

  test('no answer in time is a refusal, and what comes later is nobody’s', () => {
    ask('ada', 'poll.1');
    clock.advance(OPTIONS.timeoutMs);
    expect(answers).toEqual(['rights_unavailable']);
    poll.asked[0]?.reply(null);
    expect(answers).toHaveLength(1);
    expect(decisions.decide(principal('ada'), 'subscribe', 'poll.1')).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  test('what is temporary is not remembered', () => {
    ask('ada', 'poll.1');
    poll.asked[0]?.reply(refusal('rights_unavailable', 'the database is away'));
    expect(decisions.decide(principal('ada'), 'subscribe', 'poll.1')).toBeUndefined();
  });

  test('an owner that throws has said no, and the fault is told', () => {
    const faults: unknown[] = [];
    decisions.failed = (app, error) => faults.push([app, error]);
    const error = new Error('a fault of the application');
    const owner: TopicOwner = {
      ...poll.owner,
      mayAct: () => {
        throw error;
      },
    };
    decisions.useOwners({ of: () => owner, overlapping: () => [] });
    ask('ada', 'poll.1');
    expect(answers).toEqual(['rights_unavailable']);
    expect(faults).toEqual([['poll', error]]);
  });

  test("the token's own claim narrows what the owner would allow", () => {
    const narrow = principal('ada', { topics: { subscribe: ['chat.**'], publish: [] } });
    expect(decisions.decide(narrow, 'subscribe', 'poll.1')).toMatchObject({ details: { because: 'token' } });
  });
});

describe('a pattern', () => {
  test('inside of what is owned is its owner’s to decide, whatever the rules say', () => {
    expect(decisions.decide(principal('ada', { roles: [] }), 'subscribe', 'poll.*')).toBeUndefined();
    ask('ada', 'poll.*', 'subscribe', { roles: [] });
    expect(poll.asked.map(({ who }) => who)).toEqual(['ada subscribe poll.*']);
  });
});

describe('rights that change', () => {
  test('end what is remembered of them, and nothing else', () => {
    for (const [user, name] of [
      ['ada', 'poll.1'],
      ['bob', 'poll.1'],
      ['ada', 'poll.2'],
    ] as const) {
      ask(user, name);
      poll.asked.at(-1)?.reply(null);
    }
    decisions.rightsChanged({ tenant: '', user: 'ada', topic: 'poll.1' });
    expect(decisions.decide(principal('ada'), 'subscribe', 'poll.1')).toBeUndefined();
    expect(decisions.decide(principal('bob'), 'subscribe', 'poll.1')).toBeNull();
    decisions.rightsChanged({ tenant: '', topic: 'poll.*' });
    expect(decisions.size).toBe(0);
  });

  test('have what is under way asked anew: an answer of before is stale', () => {
    ask('ada', 'poll.1');
    decisions.rightsChanged({ tenant: '', user: 'ada' });
    expect(poll.asked).toHaveLength(2);
    poll.asked[0]?.reply(null);
    expect(answers).toEqual([]);
    poll.asked[1]?.reply(NO);
    expect(answers).toEqual(['not_allowed']);
    expect(decisions.decide(principal('ada'), 'subscribe', 'poll.1')).toBe(NO);
  });

  test('of another tenant or topic leave what is under way alone', () => {
    ask('ada', 'poll.1');
    decisions.rightsChanged({ tenant: 't' });
    decisions.rightsChanged({ tenant: '', topic: 'poll.2' });
    expect(poll.asked).toHaveLength(1);
  });
});
