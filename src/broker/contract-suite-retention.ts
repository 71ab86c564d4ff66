/** The contract's part on what logs keep: by count, by bytes and by age, per topic. */
import { describe, expect, test } from 'vitest';
import { directTopic } from '../protocol/topic.ts';
import type { Retention, RetentionRule } from './retention.ts';
import type { BrokerSettings } from './contract-suite.ts';
import { count, sequencesOf, type Open } from './contract-suite-probe.ts';

const PLENTY: Retention = { messages: 1_000, ageMs: 3_600_000, bytes: 10_000_000 };
const AGE_MS = 1_000;

function keeping(fallback: Partial<Retention>, rules: readonly RetentionRule[] = []): Partial<BrokerSettings> {
  return { retention: { rules, fallback: { ...PLENTY, ...fallback }, direct: PLENTY } };
}

export function retentionContract(open: Open): void {
  describe('retention', () => {
    test('a log keeps the newest messages by count; sequences go on and what is gone is known by its number', async () => {
      const probe = await open(keeping({ messages: 5 }));
      const { slack } = probe.under;
      const top = 20 + slack;
      const { epoch } = await probe.publishMany('chat.a', top);
      const history = await probe.read('chat.a', { after: { epoch, sequence: 2 } });
      expect(history).toMatchObject({ epoch, epochFirst: 1, top, after: 2, lost: null });
      expect(history.first).toBeGreaterThanOrEqual(top - 4 - slack);
      expect(history.first).toBeLessThanOrEqual(top - 4);
      expect(sequencesOf(history.publications)).toEqual(count(history.first, top));
      const earliest = await probe.read('chat.a', { after: 'earliest' });
      expect(earliest).toMatchObject({ after: history.first - 1, first: history.first, lost: null });
      expect(sequencesOf(earliest.publications)).toEqual(count(history.first, top));
    });

    test('a log keeps the newest messages by bytes, and always the newest one', async () => {
      const probe = await open(keeping({ bytes: 2_000 }));
      const { slack } = probe.under;
      const large = JSON.stringify('x'.repeat(500));
      const { sequence: top } = await probe.publishMany('chat.a', 20 + slack, () => large);
      const history = await probe.read('chat.a');
      expect(history.publications.length).toBeGreaterThanOrEqual(2);
      expect(history.publications.length).toBeLessThan(4 + slack);
      expect(sequencesOf(history.publications)).toEqual(count(history.first, top));
      await probe.publish('chat.a', JSON.stringify('x'.repeat(5_000)));
      expect(sequencesOf((await probe.read('chat.a')).publications).at(-1)).toBe(top + 1);
    });

    test('a log forgets by age; epoch and sequence go on', async () => {
      const probe = await open(keeping({ ageMs: AGE_MS }));
      const { epoch } = await probe.publishMany('chat.a', 2);
      await probe.under.pass(AGE_MS * 0.6);
      await probe.publish('chat.a', '3');
      expect(sequencesOf((await probe.read('chat.a')).publications)).toEqual([1, 2, 3]);
      await probe.under.pass(AGE_MS * 0.6);
      const some = await probe.read('chat.a', { after: { epoch, sequence: 1 } });
      expect(some).toMatchObject({ top: 3, first: 3, after: 1, lost: null });
      expect(sequencesOf(some.publications)).toEqual([3]);
      await probe.under.pass(AGE_MS * 0.6);
      const none = await probe.read('chat.a', { after: { epoch, sequence: 1 } });
      expect(none).toMatchObject({ epoch, top: 3, first: 4, after: 1, lost: null, publications: [] });
      expect((await probe.retain('chat.a')).position).toEqual({ epoch, sequence: 3 });
      expect((await probe.publish('chat.a', '4')).position).toEqual({ epoch, sequence: 4 });
    });

    test('a position at the head of a log that is empty by age has lost nothing', async () => {
      const probe = await open(keeping({ ageMs: AGE_MS }));
      const head = await probe.publishMany('chat.a', 3);
      await probe.under.pass(AGE_MS * 1.5);
      expect(await probe.read('chat.a', { after: head })).toMatchObject({ after: 3, lost: null, publications: [] });
    });

    test('the first rule that matches a topic counts, for every tenant', async () => {
      const rules = [
        { ...PLENTY, pattern: 'short.*', messages: 2 },
        { ...PLENTY, pattern: 'short.**', messages: 0 },
      ];
      const probe = await open(keeping({}, rules));
      const { slack } = probe.under;
      for (const topic of ['short.a', 'acme/short.a']) {
        const { sequence: top } = await probe.publishMany(topic, 10 + slack);
        const { first } = await probe.read(topic);
        expect(first).toBeGreaterThanOrEqual(top - 1 - slack);
        expect(first).toBeLessThanOrEqual(top - 1);
      }
      expect((await probe.publish('short.a.b', '1')).position).toBeNull();
      await probe.publishMany('long.a', 10);
      expect((await probe.read('long.a')).first).toBe(1);
    });

    test('direct messages have a retention of their own', async () => {
      const probe = await open({
        retention: {
          rules: [],
          fallback: { ...PLENTY, messages: 0 },
          direct: { ...PLENTY, messages: 3 },
        },
      });
      const topic = directTopic('acme', 'bob');
      const { sequence: top } = await probe.publishMany(topic, 10 + probe.under.slack);
      const { publications } = await probe.read(topic);
      expect(publications.length).toBeGreaterThanOrEqual(3);
      expect(publications.length).toBeLessThanOrEqual(3 + probe.under.slack);
      expect(publications.at(-1)?.position?.sequence).toBe(top);
    });
  });
}
