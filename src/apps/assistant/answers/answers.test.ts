/** What readers of an answer get: whole characters, merged deltas, and one answer for those who ask the same. */
import { expect, test } from 'vitest';
import { VirtualClock } from '../../../simulation/virtual-clock.ts';
import type { End, Hear, Question } from '../providers/provider.ts';
import { LiveText, type Delta } from './live-text.ts';
import { SharedAnswers } from './shared-answers.ts';

const QUESTION: Question = { model: 'm', system: '', turns: [{ by: 'user', text: 'q' }], maxTokens: 100 };
const END: End = { usage: { inputTokens: 1, outputTokens: 1 }, ending: 'done' };

function live(most = 1_000): { readonly clock: VirtualClock; readonly text: LiveText; readonly sent: Delta[] } {
  const clock = new VirtualClock();
  const sent: Delta[] = [];
  return { clock, sent, text: new LiveText({ mergeMs: 20, most }, clock, (delta) => sent.push(delta)) };
}

test('the first delta leaves at once, those behind it together, and each says where it begins', () => {
  const { clock, text, sent } = live();
  for (const delta of ['a', 'bc', 'd']) text.add(delta);
  expect(sent).toEqual([{ from: 0, text: 'a' }]);
  clock.advance(20);
  text.add('e');
  text.end();
  expect(sent).toEqual([
    { from: 0, text: 'a' },
    { from: 1, text: 'bcd' },
    { from: 4, text: 'e' },
  ]);
  expect(text.whole).toBe('abcde');
  expect(clock.pendingTimers).toBe(0);
});

test('a character that comes in halves leaves whole, and half of one that never comes does not leave', () => {
  const { clock, text, sent } = live();
  text.add('x\uD83D');
  text.add('\uDE00y\uD83D');
  clock.advance(20);
  text.end();
  expect(sent.map((delta) => delta.text)).toEqual(['x', '\u{1F600}y']);
  expect(text.whole).toBe('x\u{1F600}y');
});

test('text beyond the bound is cut off', () => {
  const { text } = live(5);
  text.add('abc');
  expect(text.isFull).toBe(false);
  text.add('defg');
  expect([text.whole, text.isFull]).toEqual(['abcde', true]);
});

function shared(keepMs = 1_000) {
  const clock = new VirtualClock();
  const answers = new SharedAnswers({ keepMs, most: 2 }, clock);
  const gates: PromiseWithResolvers<void>[] = [];
  const signals: AbortSignal[] = [];
  const answer = async (hear: Hear, signal: AbortSignal): Promise<End> => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    signals.push(signal);
    hear('a');
    await gate.promise;
    hear('b');
    return END;
  };
  const ask = (user: string, isFresh = false, text = 'q') => {
    const question = { ...QUESTION, turns: [{ by: 'user' as const, text }] };
    const reader = new AbortController();
    let heard = '';
    const hear: Hear = (more) => {
      heard += more;
    };
    const { source, end } = answers.read(
      { tenant: '', user, question },
      answer,
      { hear, signal: reader.signal },
      isFresh,
    );
    const whole = end.then(({ usage }) => `${heard}(${usage.outputTokens})`);
    whole.catch(() => {});
    return { source, text: whole, leave: () => reader.abort(new Error('gone')) };
  };
  return { clock, gates, signals, ask };
}

test('L-09: the same question of one user is asked once while it is answered, and that of another user is another', async () => {
  const { gates, ask } = shared();
  const [first, second, other] = [ask('ada'), ask('ada'), ask('bob')];
  expect([first.source, second.source, other.source]).toEqual(['asked', 'shared', 'asked']);
  for (const gate of gates) gate.resolve();
  expect(await Promise.all([first.text, second.text, other.text])).toEqual(['ab(1)', 'ab(1)', 'ab(1)']);
});

test('L-08: an answer is kept for its time and costs no tokens, unless a fresh one is asked for, or none is kept', async () => {
  const { clock, gates, ask } = shared();
  const first = ask('ada');
  gates[0]?.resolve();
  await first.text;
  const kept = ask('ada');
  expect([kept.source, await kept.text]).toEqual(['kept', 'ab(0)']);
  expect([ask('bob').source, ask('ada', true).source]).toEqual(['asked', 'asked']);
  clock.advance(1_001);
  expect(ask('ada', false, 'another').source).toBe('asked');
  const never = shared(0);
  const one = never.ask('ada');
  never.gates[0]?.resolve();
  await one.text;
  expect(never.ask('ada').source).toBe('asked');
});

test('an answer goes on for those who read, also without the reader that asked first, and ends with the last of them', async () => {
  const { gates, signals, ask } = shared();
  const [first, second] = [ask('ada'), ask('ada')];
  first.leave();
  await expect(first.text).rejects.toThrow('gone');
  expect(signals[0]?.aborted).toBe(false);
  gates[0]?.resolve();
  expect(await second.text).toBe('ab(1)');
  const [third, fourth] = [ask('bob'), ask('bob')];
  for (const reader of [third, fourth]) {
    reader.leave();
    await expect(reader.text).rejects.toThrow('gone');
  }
  expect(signals[1]?.aborted).toBe(true);
});
