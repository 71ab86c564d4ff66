import { expect, test } from 'vitest';
import { SeededRandom } from '../../../simulation/seeded-random.ts';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import { GuardedProvider, type Guards } from './guarded.ts';
import { LocalProvider, type Script } from './local.ts';
import type { ProviderError, Question } from './provider.ts';

const GUARDS: Guards = {
  limits: { atOnce: 1, atOnceOfTenant: 1, waiting: 1, waitingInAll: 10 },
  patienceMs: 500,
  time: { firstDeltaMs: 1_000, silenceMs: 1_000, wholeMs: 5_000 },
  attempts: 3,
  retry: { firstMs: 1_000, maxMs: 8_000 },
  breaker: { failures: 4, openMs: 10_000 },
};
const QUESTION: Question = { model: 'm', system: '', turns: [{ by: 'user', text: 'q' }], maxTokens: 100 };

/** @param scripts one for each attempt; the last one stays */
function guarded(scripts: readonly Script[]) {
  const clock = new VirtualClock();
  const asked: number[] = [];
  const script = (): Script | undefined => scripts[Math.min(asked.push(clock.elapsed()), scripts.length) - 1];
  const provider = new GuardedProvider(new LocalProvider({ paceMs: 0, script }, clock), GUARDS, {
    clock,
    scheduler: clock,
    random: new SeededRandom(1),
    changed: () => {},
  });
  /** Its text, or what went wrong, after as much virtual time as it takes. */
  const ask = async (user = 'ada', signal = new AbortController().signal): Promise<string> => {
    const state = { isOver: false };
    const answer = (async () => {
      let text = '';
      try {
        const hear = (more: string): void => {
          text += more;
        };
        await provider.answer(QUESTION, hear, signal, { tenant: '', user });
        return text;
      } catch (error) {
        return `${text}|${(error as ProviderError).failure ?? String(error)}`;
      } finally {
        state.isOver = true;
      }
    })();
    for (let steps = 0; !state.isOver && steps < 2_000; steps += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(50);
    }
    return answer;
  };
  return { clock, asked, provider, ask };
}

test('L-07: a question that was not answered is asked three times, at growing distances, and Retry-After is kept', async () => {
  const busy: Script = { failure: 'busy', retryAfterMs: 3_000 };
  const { asked, ask } = guarded([busy, busy, { answer: 'at last' }]);
  expect(await ask()).toBe('at last');
  expect(asked).toHaveLength(3);
  const [first = 0, second = 0, third = 0] = asked;
  expect(second - first).toBeGreaterThanOrEqual(3_000);
  expect(third - second).toBeGreaterThanOrEqual(3_000);
});

test('after the first delta nothing is repeated, and neither is what a further attempt cannot mend', async () => {
  const torn = guarded([{ answer: 'half of it', failsAfter: 1, failure: 'unavailable' }]);
  expect([await torn.ask(), torn.asked.length]).toEqual(['half |unavailable', 1]);
  const refused = guarded([{ failure: 'unauthorized' }]);
  expect([await refused.ask(), refused.asked.length]).toEqual(['|unauthorized', 1]);
});

test('L-06: a provider that hangs is cut off at the first delta, in a silence, and at the end of its time', async () => {
  expect(await guarded([{ answer: 'late', delayMs: 60_000 }]).ask()).toBe('|timeout');
  expect(await guarded([{ answer: 'it begins', hangs: true }]).ask()).toBe('it begins|timeout');
  const long = guarded([{ answer: 'a '.repeat(40), paceMs: 900 }]);
  expect(await long.ask()).toMatch(/^(?:a )+\|timeout$/);
});

test('failures in a row keep calls away for a while, then one tries', async () => {
  const { clock, asked, provider, ask } = guarded([
    ...Array.from({ length: 4 }, () => ({ failure: 'cut' as const })),
    {},
  ]);
  for (let left = 0; left < 4; left += 1) expect(await ask()).toBe('|cut');
  expect([await ask(), asked.length, provider.state]).toEqual(['|unavailable', 4, 'open']);
  clock.advance(10_001);
  expect(await ask()).toContain('You asked');
  expect(provider.state).toBe('closed');
});

test('beyond the bound users wait in turn, and leave nothing behind', async () => {
  const { provider, ask } = guarded([{ answer: 'one two three', paceMs: 100 }]);
  const answers = await Promise.all([ask('ada'), ask('ada'), ask('ada'), ask('bob')]);
  expect(answers).toEqual(['one two three', 'one two three', '|busy', 'one two three']);
  expect([provider.underWay, provider.waiting]).toEqual([0, 0]);
});
