/** The contract's part on what all share: nobody can use it up, and what goes first is the hoarder's own. */
import { describe, expect, test } from 'vitest';
import { directTopic } from '../protocol/topic.ts';
import { count, draft, Refused, type Open, type Probe } from './contract-suite-probe.ts';
import type { TopicLimits } from './topic-bounds.ts';

const LIMITS: TopicLimits = {
  maxTopics: 40,
  perTenant: 20,
  perUser: 10,
  inboxes: 40,
  directPerSender: 5,
};
const KEPT = { messages: 10, ageMs: 3_600_000, bytes: 1_000_000 };
const RETENTION = { rules: [], fallback: KEPT, direct: KEPT };
const SETTINGS = { limits: LIMITS, retention: RETENTION };
/** After so long a caller that was refused may try again. */
const RETRY_MS = 1_100;

async function fill(probe: Probe, prefix: string, from: string, topics: number): Promise<void> {
  for (const at of count(1, topics)) await probe.publish(`${prefix}${at}`, draft('1', { from }));
}

/** Which of the topics `<prefix>1` … still have what was published to them. */
async function kept(probe: Probe, prefix: string, topics: number): Promise<number[]> {
  const found: number[] = [];
  for (const at of count(1, topics)) {
    if ((await probe.read(`${prefix}${at}`)).publications.length > 0) found.push(at);
  }
  return found;
}

function reasonOf(asked: Promise<unknown>): Promise<string> {
  return asked.then(
    () => 'taken',
    (error: unknown) => (error instanceof Refused ? error.reason : String(error)),
  );
}

/** What becomes of so many direct messages of one sender. */
async function send(probe: Probe, to: string, from: string, messages: number): Promise<string[]> {
  const answers: string[] = [];
  for (const at of count(1, messages))
    answers.push(await reasonOf(probe.publish(directTopic('', to), draft(String(at), { from }))));
  return answers;
}

async function senders(probe: Probe, user: string): Promise<string[]> {
  return (await probe.read(directTopic('', user))).publications.map(({ from }) => from);
}

export function sharesContract(open: Open): void {
  describe('what all share', () => {
    test('who makes more topics than the own share loses the own, the oldest first; others keep theirs', async () => {
      const probe = await open(SETTINGS);
      await fill(probe, 'victim.', 'ann', 3);
      await fill(probe, 'hoard.', 'mallory', 30);
      expect(await kept(probe, 'hoard.', 30)).toEqual(count(21, 30));
      expect(await kept(probe, 'victim.', 3)).toEqual([1, 2, 3]);
      expect((await probe.publish('victim.1', draft('2', { from: 'ann' }))).position?.sequence).toBe(2);
      await fill(probe, 'other.', 'bob', 10);
    });

    test('what made room begins anew, and patterns find it again', async () => {
      const probe = await open(SETTINGS);
      // Of two that were made in one millisecond the first by name counts as the older one.
      const before = (await probe.publish('hoard.0', draft('1', { from: 'mallory' }))).position;
      await fill(probe, 'hoard.', 'mallory', 10);
      expect((await probe.retain('hoard.**')).matched.has('hoard.0')).toBe(false);
      const after = (await probe.publish('hoard.0', draft('2', { from: 'ann' }))).position;
      expect(after?.sequence).toBe(1);
      expect(after?.epoch).not.toBe(before?.epoch);
      expect((await probe.retain('hoard.*')).matched.has('hoard.0')).toBe(true);
      const [notice] = await probe.toldOf('hoard.0', 1);
      expect(notice?.payload).toBe('2');
    });

    test('who listens to all of the own share is refused for a while, and others are not', async () => {
      const probe = await open(SETTINGS);
      for (const at of count(1, 10)) await probe.retain(`hoard.${at}`, 'mallory');
      expect(await reasonOf(probe.retain('hoard.more', 'mallory'))).toBe('topic_limit');
      expect(await reasonOf(probe.publish('hoard.more', draft('1', { from: 'mallory' })))).toBe('topic_limit');
      await probe.retain('chat.a', 'ann');
      await probe.publish('chat.b', draft('1', { from: 'ann' }));
      // Room comes as soon as one is not used any more.
      await probe.publish('hoard.3', draft('1', { from: 'mallory' }));
      probe.under.broker.release('hoard.3');
      await probe.under.pass(RETRY_MS);
      await probe.publish('hoard.more', draft('1', { from: 'mallory' }));
      expect(await kept(probe, 'hoard.', 3)).toEqual([]);
    });

    test('a topic that somebody follows, or has published to, is not its maker`s to lose', async () => {
      const probe = await open(SETTINGS);
      await fill(probe, 'hoard.', 'mallory', 10);
      await probe.publish('hoard.2', draft('2', { from: 'ann' }));
      await probe.retain('hoard.4', 'ann');
      await fill(probe, 'more.', 'mallory', 20);
      expect(await kept(probe, 'hoard.', 10)).toEqual([2, 4]);
      expect((await probe.publish('hoard.2', draft('3', { from: 'ann' }))).position?.sequence).toBe(3);
    });

    test('a long log makes room like a short one, and somebody else`s message keeps it, wherever in it that stands', async () => {
      const kept1000 = { messages: 1_000, ageMs: 3_600_000, bytes: 10_000_000 };
      const retention = { rules: [], fallback: kept1000, direct: kept1000 };
      const probe = await open({ limits: { ...LIMITS, perUser: 4 }, retention });
      for (const at of count(1, 4)) {
        const from = (number: number): string => (at === 2 && number === 170 ? 'ann' : 'mallory');
        await probe.publish(`hoard.${at}`, draft('1', { from: 'mallory' }));
        await Promise.all(count(2, 350).map((each) => probe.publish(`hoard.${at}`, draft('1', { from: from(each) }))));
      }
      await fill(probe, 'more.', 'mallory', 3);
      expect(await kept(probe, 'hoard.', 4)).toEqual([2]);
      expect(await kept(probe, 'more.', 3)).toEqual([1, 2, 3]);
    });

    test('a tenant has a bound of its own, and the same name elsewhere is another user', async () => {
      const probe = await open(SETTINGS);
      for (const user of ['a', 'b', 'c', 'd']) await fill(probe, `acme/${user}.`, user, 8);
      const users = await Promise.all(['a', 'b', 'c', 'd'].map((user) => kept(probe, `acme/${user}.`, 8)));
      expect(users.flat()).toHaveLength(20);
      expect(
        Math.max(...users.map(({ length }) => length)) - Math.min(...users.map(({ length }) => length)),
      ).toBeLessThanOrEqual(2);
      await fill(probe, 'other/a.', 'a', 8);
      expect(await kept(probe, 'other/a.', 8)).toEqual(count(1, 8));
    });

    test('when all of it is taken, those who have most give way', async () => {
      const probe = await open({ ...SETTINGS, limits: { ...LIMITS, maxTopics: 12 } });
      await fill(probe, 'hoard.', 'mallory', 10);
      for (const user of ['ann', 'bob', 'cleo', 'dan']) await probe.publish(`chat.${user}`, draft('1', { from: user }));
      expect((await kept(probe, 'hoard.', 10)).length).toBeLessThanOrEqual(8);
      for (const user of ['ann', 'bob', 'cleo', 'dan'])
        expect((await probe.read(`chat.${user}`)).publications).toHaveLength(1);
    });

    test('inboxes have a share of their own', async () => {
      const probe = await open(SETTINGS);
      for (const at of count(1, 10)) await probe.retain(`hoard.${at}`, 'mallory');
      for (const at of count(1, 60))
        await probe.publish(directTopic('', `nobody${at}`), draft('1', { from: 'mallory' }));
      expect(await send(probe, 'bob', 'ann', 1)).toEqual(['taken']);
      expect(await senders(probe, 'bob')).toEqual(['ann']);
    });

    test('one sender cannot push out what others have sent and nobody has read, and is told to come back', async () => {
      const probe = await open(SETTINGS);
      await send(probe, 'bob', 'ann', 1);
      const answers = await send(probe, 'bob', 'mallory', 20);
      expect(answers.slice(0, 5)).toEqual(answers.slice(0, 5).map(() => 'taken'));
      expect(answers.slice(5)).toEqual(answers.slice(5).map(() => 'inbox_full'));
      for (const at of count(1, 4)) expect(await send(probe, 'bob', `friend${at}`, 1)).toEqual(['taken']);
      expect((await senders(probe, 'bob')).toSorted()).toEqual(
        ['ann', ...Array.from({ length: 5 }, () => 'mallory'), 'friend1', 'friend2', 'friend3', 'friend4'].toSorted(),
      );
    });

    test('a sender who was alone makes room for others', async () => {
      const probe = await open(SETTINGS);
      expect(await send(probe, 'bob', 'mallory', 30)).not.toContain('inbox_full');
      expect(await send(probe, 'bob', 'ann', 1)).toEqual(['taken']);
      expect(await send(probe, 'bob', 'mallory', 1)).toEqual(['inbox_full']);
      expect(await senders(probe, 'bob')).toContain('ann');
    });

    test('of a user who listens everything is taken: it is read', async () => {
      const probe = await open(SETTINGS);
      await send(probe, 'bob', 'ann', 1);
      await send(probe, 'bob', 'mallory', 5);
      await probe.retain(directTopic('', 'bob'), 'bob');
      expect(await send(probe, 'bob', 'mallory', 20)).not.toContain('inbox_full');
      probe.under.broker.release(directTopic('', 'bob'));
    });

    test('many messages at once to a topic that is new keep their order', async () => {
      const probe = await open(SETTINGS);
      const sent: Promise<unknown>[] = [];
      for (const at of count(1, 200)) {
        sent.push(probe.publish('chat.new', String(at)));
        if (at % 20 === 0) await probe.under.pass(1);
      }
      await Promise.all(sent);
      const { publications } = await probe.read('chat.new');
      const numbers = publications.map(({ payload }) => Number(payload));
      expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      expect(publications.at(-1)?.position?.sequence).toBe(200);
    });
  });
}
