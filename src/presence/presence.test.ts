/** What a node does with its own connections: batches, grace, drain, coalescing. On virtual time, over a store in memory. */
import { beforeEach, describe, expect, test } from 'vitest';
import { isRefusal, refusal } from '../protocol/errors.ts';
import { appTopic } from '../protocol/topic.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { Counters } from '../telemetry/counters.ts';
import { MemoryPresenceStore } from './memory.ts';
import { Presence, type PresenceOptions } from './presence.ts';

const T = 'chat.lobby';
const OPTIONS: PresenceOptions = {
  batches: { batchMs: 250, largeBatchMs: 1_000, largeFrom: 100, retryMs: 1_000 },
  graceMs: 15_000,
  perConnection: 3,
  rates: { changes: 10, windowMs: 10_000 },
};

/** A store that can be away. */
class Store extends MemoryPresenceStore {
  isAway = false;
  /** It takes what it is told, and its answer is lost. */
  isSilent = false;
  batches = 0;

  override apply(...[batch, reply]: Parameters<MemoryPresenceStore['apply']>): void {
    this.batches += 1;
    if (this.isAway) reply(refusal('log_unavailable', 'away', 1_000));
    else if (this.isSilent) super.apply(batch, () => reply(refusal('outcome_unknown', 'silent', 1_000)));
    else super.apply(batch, reply);
  }
}

let clock: VirtualClock;
let told: { readonly changes?: readonly { op: string; user: string; reason?: string }[]; readonly count: number }[];
let store: Store;
let presence: Presence;
let counters: Counters;

beforeEach(() => {
  clock = new VirtualClock();
  told = [];
  const logs = {
    append: (_: string, payload: string) => ({ epoch: 'e', sequence: told.push(JSON.parse(payload) as never) }),
    position: () => ({ epoch: 'e', sequence: told.length }),
  };
  store = new Store({ from: 200, below: 150 }, logs, clock);
  counters = new Counters();
  presence = new Presence(OPTIONS, { store, clock, scheduler: clock, counters }, 'i');
  clock.every(1_000, () => presence.sweep());
});

function enter(key: string, user: string, data = '{}', topic = T): string {
  const identity = { member: user, who: `"user":"${user}"` };
  const outcome = presence.enter(key, topic, identity, data, (answer) =>
    answers.push(isRefusal(answer) ? answer.reason : answer.count),
  );
  return outcome === null ? 'now' : typeof outcome === 'string' ? outcome : outcome.reason;
}

const answers: (string | number)[] = [];
beforeEach(() => void answers.splice(0));

const lines = (): string[] =>
  told.map(({ changes, count }) =>
    [
      ...(changes ?? []).map(({ op, user, reason }) => `${op} ${user}${reason === undefined ? '' : ` ${reason}`}`),
      count,
    ].join(', '),
  );

describe('D-14: topics of an application', () => {
  const PLACE = appTopic('', 'chat', 'online');
  const news = (): string[] => {
    const heard: string[] = [];
    presence.watch('@app.chat.', (_, touched) => {
      for (const { member, isPresent } of touched) heard.push(`${member} ${isPresent ? 'on' : 'off'}`);
    });
    return heard;
  };

  test('a user has come with the first device and is gone with the last, after the grace', () => {
    const heard = news();
    enter('1', 'ada', '{}', PLACE);
    enter('2', 'ada', '{}', PLACE);
    enter('9', 'eve', '{}', appTopic('', 'other', 'online'));
    clock.advance(1_000);
    presence.closed('1', false);
    clock.advance(20_000);
    expect(heard).toEqual(['ada on']);
    presence.closed('2', false);
    clock.advance(14_000);
    enter('3', 'ada', '{}', PLACE);
    clock.advance(20_000);
    expect(heard).toEqual(['ada on']);
    presence.closed('3', false);
    clock.advance(20_000);
    expect(heard).toEqual(['ada on', 'ada off']);
  });

  test('a batch whose answer was lost is told of when it is answered, though nothing changes then', () => {
    const heard = news();
    store.isSilent = true;
    enter('1', 'ada', '{}', PLACE);
    clock.advance(500);
    store.isSilent = false;
    clock.advance(2_000);
    expect(heard).toEqual(['ada on']);
    enter('2', 'ada', '{}', PLACE);
    clock.advance(2_000);
    expect(heard).toEqual(['ada on']);
  });
});

describe('batches', () => {
  test('changes of a topic are told together, and answered when they are stored', () => {
    enter('1', 'ada');
    enter('2', 'bob');
    expect(told).toEqual([]);
    clock.advance(250);
    expect(lines()).toEqual(['enter ada, enter bob, 2']);
    expect(answers).toEqual([2, 2]);
  });

  test('who comes and goes within a batch was never there, and is answered', () => {
    enter('1', 'ada');
    presence.leave('1', T, 'left', (answer) => answers.push(isRefusal(answer) ? 'refused' : 'left'));
    clock.advance(2_000);
    expect(store.batches).toBe(0);
    expect(answers).toHaveLength(2);
    expect(presence.topicCount).toBe(0);
  });

  test('what the store did not take is refused, and told again until it is taken', () => {
    store.isAway = true;
    enter('1', 'ada');
    clock.advance(5_000);
    expect(answers).toEqual(['log_unavailable']);
    store.isAway = false;
    clock.advance(1_000);
    expect(lines()).toEqual(['enter ada, 1']);
  });

  test('topics with many members collect for longer', () => {
    for (let at = 0; at < 101; at += 1) enter(`${at}`, `u${at}`);
    clock.advance(250);
    enter('x', 'late');
    clock.advance(999);
    expect(told).toHaveLength(1);
    clock.advance(1);
    expect(told).toHaveLength(2);
  });
});

test('ten thousand who enter within five seconds are a batch a second, and as many messages', () => {
  for (let at = 0; at < 10_000; at += 1) {
    enter(`${at}`, `u${at}`);
    if (at % 2 === 1) clock.advance(1);
  }
  clock.advance(1_000);
  expect(told.at(-1)).toMatchObject({ count: 10_000 });
  expect(store.batches).toBeLessThanOrEqual(7);
  // The first one has names, so many to a message; the others only count.
  expect(told.length).toBeLessThanOrEqual(10);
  expect(answers).toHaveLength(10_000);
});

describe('grace', () => {
  beforeEach(() => {
    enter('1', 'ada');
    clock.advance(1_000);
  });

  test('who is back within it never left', () => {
    presence.closed('1', false);
    clock.advance(10_000);
    enter('2', 'ada');
    clock.advance(60_000);
    expect(lines()).toEqual(['enter ada, 1']);
    expect(presence.size).toBe(1);
  });

  test('who is not back leaves when it is over', () => {
    presence.closed('1', false);
    clock.advance(14_000);
    expect(told).toHaveLength(1);
    clock.advance(3_000);
    expect(lines()).toEqual(['enter ada, 1', 'leave ada expired, 0']);
    expect([presence.size, presence.topicCount]).toEqual([0, 0]);
  });

  test('who leaves, or is thrown out, is gone at once', () => {
    presence.closed('1', true);
    clock.advance(300);
    expect(lines().at(-1)).toBe('leave ada kicked, 0');
    enter('2', 'ada');
    clock.advance(300);
    presence.leave('2', T, 'left', null);
    clock.advance(300);
    expect(lines().at(-1)).toBe('leave ada left, 0');
  });

  test('a client that flaps twenty times a minute is there all the time', () => {
    for (let at = 2; at < 42; at += 1) {
      presence.closed(`${at - 1}`, false);
      clock.advance(1_500);
      enter(`${at}`, 'ada');
      clock.advance(1_500);
    }
    expect(lines()).toEqual(['enter ada, 1']);
    expect(presence.size).toBe(1);
  });

  test('of two tabs one may go', () => {
    enter('2', 'ada');
    presence.closed('1', false);
    clock.advance(60_000);
    expect(lines()).toEqual(['enter ada, 1']);
  });

  test('nobody leaves a node that drains', () => {
    presence.drain();
    presence.closed('1', false);
    clock.advance(60_000);
    presence.flush();
    expect(lines()).toEqual(['enter ada, 1']);
  });
});

describe('too many changes', () => {
  test('are made later, with the newest, and refused far beyond', () => {
    const outcomes = Array.from({ length: 101 }, (_, at) => enter('1', 'ada', `{"x":${at}}`));
    expect(outcomes.filter((outcome) => outcome === 'now')).toHaveLength(10);
    expect(outcomes.filter((outcome) => outcome === 'coalesced')).toHaveLength(90);
    expect(outcomes.at(-1)).toBe('rate_limited');
    clock.advance(1_000);
    expect(told.at(-1)).toMatchObject({ changes: [{ data: { x: 9 } }] });
    clock.advance(12_000);
    expect(told.at(-1)).toMatchObject({ changes: [{ data: { x: 99 } }] });
    expect(told).toHaveLength(2);
    expect(counters.presenceCoalesced).toBe(90);
    expect(enter('1', 'ada')).toBe('now');
  });

  test('a leave is not made undone by a change that waits', () => {
    for (let at = 0; at < 20; at += 1) enter('1', 'ada', `{"x":${at}}`);
    clock.advance(300);
    presence.leave('1', T, 'left', null);
    clock.advance(60_000);
    expect(lines().at(-1)).toBe('leave ada left, 0');
    expect(presence.size).toBe(0);
  });
});

test('more topics than a connection may be present in are refused', () => {
  expect(['a', 'b', 'c', 'd'].map((topic) => enter('1', 'ada', '{}', topic))).toEqual([
    'now',
    'now',
    'now',
    'topic_limit',
  ]);
});

test('a node that was taken for dead tells everything again, as somebody else', () => {
  enter('1', 'ada');
  enter('2', 'bob');
  clock.advance(300);
  store.end(presence.owner, () => {});
  store.remove(presence.owner, T, 'node_lost', () => {});
  enter('3', 'eve');
  clock.advance(3_000);
  expect(lines()).toEqual([
    'enter ada, enter bob, 2',
    'leave ada node_lost, leave bob node_lost, 0',
    'enter eve, enter ada, enter bob, 3',
  ]);
  expect(presence.owner).toBe('i.2');
});
