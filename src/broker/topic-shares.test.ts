/** What one user can use up of a broker in memory, and what it costs others: nothing. */
import { describe, expect, test } from 'vitest';
import { directTopic } from '../protocol/topic.ts';
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import { SeededRandom } from '../simulation/seeded-random.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import type { Published } from './broker.ts';
import { MemoryBroker } from './memory.ts';
import type { BrokerShares } from './topic-bounds.ts';

const KEPT = { messages: 100, ageMs: 3_600_000, bytes: 10_000_000 };
const SHARES: BrokerShares = { perTenant: undefined, perUser: undefined, inboxes: 100, directPerSender: 50 };

class Rig {
  readonly clock = new VirtualClock();
  readonly broker: MemoryBroker;
  readonly forgotten: string[] = [];

  constructor(maxTopics: number, shares: Partial<BrokerShares> = {}) {
    const retention = { rules: [], fallback: KEPT, direct: KEPT };
    const idempotency = { idempotencyWindowMs: 1_000, idempotencyKeys: 10 };
    const bounds = { maxTopics, maxBytes: 100_000_000, forgetAfterMs: 60_000, shares: { ...SHARES, ...shares } };
    this.broker = new MemoryBroker({ retention, ...idempotency, ...bounds }, this.clock, new SeededRandom(1));
    void this.broker.start({
      published: () => {},
      epochChanged: () => {},
      renumbered: () => {},
      withdrawn: () => {},
      forgotten: (topic) => void this.forgotten.push(topic),
    });
  }

  publish(topic: string, from: string, payload = '1'): Published | Refusal {
    this.clock.advance(1);
    let answer: Published | Refusal | undefined;
    const draft = { payload, from, clientId: undefined, trace: undefined, idempotencyKey: undefined };
    this.broker.publish(topic, draft, (given) => void (answer = given));
    if (answer === undefined) throw new Error('expected an answer at once');
    return answer;
  }

  /** Whether all were taken. */
  fill(prefix: string, from: string, count: number): boolean {
    return Array.from({ length: count }, (_, at) => this.publish(`${prefix}${at}`, from)).every((it) => !isRefusal(it));
  }

  retain(topic: string, by: string): boolean {
    let granted = false;
    this.broker.retain(topic, (answer) => void (granted = !isRefusal(answer)), by);
    return granted;
  }

  direct(to: string, from: string): Published | Refusal {
    return this.publish(directTopic('', to), from);
  }

  /** The senders of what a user's inbox holds. */
  inbox(user: string): string[] {
    let senders: string[] = [];
    const request = { after: 'earliest', limit: 1_000, maxBytes: 1_000_000 } as const;
    this.broker.read(directTopic('', user), request, (history) => {
      if (!isRefusal(history)) senders = history.publications.map(({ from }) => from);
    });
    return senders;
  }
}

describe('the topics of a node', () => {
  test('one user who makes thousands loses the own ones; everybody else gets new topics and keeps the old', () => {
    const rig = new Rig(100);
    expect(rig.fill('victim.', 'ann', 5)).toBe(true);
    expect(rig.fill('hoard.', 'mallory', 5_000)).toBe(true);
    expect(rig.fill('other.', 'bob', 10)).toBe(true);
    expect(rig.broker.usage().topics).toBe(5 + 25 + 10);
    expect(rig.forgotten.every((topic) => topic.startsWith('hoard.'))).toBe(true);
    // The oldest first.
    expect(rig.forgotten[0]).toBe('hoard.0');
    expect((rig.publish('victim.0', 'ann') as Published).position?.sequence).toBe(2);
    expect(rig.broker.usage().evicted).toBe(4_975);
  });

  test('who holds all of the own share in use is refused for a while, and others are not', () => {
    const rig = new Rig(100);
    for (let at = 0; at < 25; at += 1) expect(rig.retain(`hoard.${at}`, 'mallory')).toBe(true);
    expect(rig.retain('hoard.more', 'mallory')).toBe(false);
    expect(rig.publish('hoard.more', 'mallory')).toMatchObject({
      reason: 'topic_limit',
      retryAfterMs: 1_000,
      message: expect.stringContaining('topics.max_topics_per_user'),
    });
    expect(rig.retain('chat.a', 'ann')).toBe(true);
  });

  test('when all of it is taken, those who have most give way, and nobody loses what is in use', () => {
    const rig = new Rig(40, { perUser: 30 });
    expect(rig.fill('hoard.', 'mallory', 30)).toBe(true);
    for (let at = 0; at < 10; at += 1) expect(rig.retain(`chat.${at}`, `user${at}`)).toBe(true);
    expect(rig.retain('chat.late', 'ann')).toBe(true);
    expect(rig.forgotten).toEqual(['hoard.0']);
    // In use, by whom it may be: it stays, and the next oldest goes.
    rig.retain('hoard.1', 'bob');
    expect(rig.retain('chat.later', 'ben')).toBe(true);
    expect(rig.forgotten).toEqual(['hoard.0', 'hoard.2']);
  });

  test('a topic in which others have published is not its maker`s to lose', () => {
    const rig = new Rig(100, { perUser: 10 });
    rig.fill('hoard.', 'mallory', 10);
    rig.publish('hoard.3', 'ann');
    rig.fill('more.', 'mallory', 100);
    expect(rig.forgotten).not.toContain('hoard.3');
    expect((rig.publish('hoard.3', 'ann') as Published).position?.sequence).toBe(3);
  });

  test('a tenant has a bound of its own, and the same name elsewhere is another user', () => {
    const rig = new Rig(100, { perTenant: 20, perUser: 15 });
    expect(rig.fill('acme/a.', 'mallory', 200)).toBe(true);
    expect(rig.fill('acme/b.', 'ben', 200)).toBe(true);
    expect(rig.broker.usage().topics).toBe(20);
    expect(rig.fill('other/a.', 'mallory', 10)).toBe(true);
    expect(rig.broker.usage().topics).toBe(30);
  });

  test('forgotten ones are counted out: the books agree with what is there', () => {
    const rig = new Rig(100);
    rig.fill('a.', 'ann', 20);
    rig.clock.advance(KEPT.ageMs + 60_001);
    rig.broker.sweep();
    expect(rig.broker.usage().topics).toBe(0);
    expect(rig.fill('b.', 'ann', 25)).toBe(true);
    expect(rig.broker.usage()).toMatchObject({ topics: 25, evicted: 0 });
  });
});

describe('inboxes', () => {
  test('have a share of their own: a node full of topics takes direct messages, and the other way round', () => {
    const rig = new Rig(10, { perUser: 10, inboxes: 10 });
    for (let at = 0; at < 10; at += 1) rig.retain(`chat.${at}`, `user${at}`);
    expect(isRefusal(rig.publish('chat.more', 'ann'))).toBe(true);
    expect(isRefusal(rig.direct('bob', 'ann'))).toBe(false);
    const other = new Rig(10, { inboxes: 10 });
    for (let at = 0; at < 1_000; at += 1) other.direct(`nobody${at}`, 'mallory');
    expect(isRefusal(other.publish('chat.a', 'ann'))).toBe(false);
    expect(isRefusal(other.direct('bob', 'ann'))).toBe(false);
    expect(other.inbox('bob')).toEqual(['ann']);
  });

  test('one sender cannot push out what others have sent, and is refused for a while', () => {
    const rig = new Rig(10);
    rig.direct('bob', 'ann');
    const answers = Array.from({ length: 200 }, () => rig.direct('bob', 'mallory'));
    expect(answers.filter((answer) => isRefusal(answer))).toHaveLength(150);
    expect(answers.at(-1)).toMatchObject({ reason: 'inbox_full', retryAfterMs: 60_000 });
    expect(rig.inbox('bob').filter((from) => from === 'ann')).toEqual(['ann']);
    // And does not shut others out.
    for (let at = 0; at < 49; at += 1) expect(isRefusal(rig.direct('bob', `friend${at}`))).toBe(false);
    expect(rig.inbox('bob')).toHaveLength(100);
  });

  test('a sender who was alone makes room for others', () => {
    const rig = new Rig(10);
    for (let at = 0; at < 300; at += 1) expect(isRefusal(rig.direct('bob', 'mallory'))).toBe(false);
    expect(isRefusal(rig.direct('bob', 'ann'))).toBe(false);
    expect(isRefusal(rig.direct('bob', 'mallory'))).toBe(true);
    for (let at = 0; at < 40; at += 1) expect(isRefusal(rig.direct('bob', `friend${at}`))).toBe(false);
    expect(rig.inbox('bob')).toContain('ann');
  });

  test('of a user who listens take everything: it is read', () => {
    const rig = new Rig(10);
    rig.direct('bob', 'ann');
    rig.retain(directTopic('', 'bob'), 'bob');
    for (let at = 0; at < 200; at += 1) expect(isRefusal(rig.direct('bob', 'mallory'))).toBe(false);
    rig.broker.release(directTopic('', 'bob'));
    for (let at = 0; at < 200; at += 1) expect(isRefusal(rig.direct('bob', 'mallory'))).toBe(false);
  });
});
