/** Whatever is lost, comes twice or in another order, all ends with the same text, and nobody is shown a wrong one meanwhile. */
import { array, assert, constantFrom, integer, nat, property, record, string, tuple } from 'fast-check';
import { expect, test } from 'vitest';
import { OpenAnswer } from './answer.ts';
import { Growing } from './growing.ts';
import type { Delta, End } from './wire.ts';

const PLACE = { question: 1, attempt: 1 };
const OLDER = { question: 1, attempt: 0 };

/** As the server cuts it: between characters. */
function deltasOf(text: string, cuts: readonly number[]): readonly Delta[] {
  const characters = Array.from(text);
  const places = [...new Set([0, ...cuts.map((cut) => cut % (characters.length + 1)), characters.length])].sort(
    (one, other) => one - other,
  );
  return places.slice(1).map((to, at) => {
    const begin = places[at] ?? 0;
    return {
      ...PLACE,
      from: characters.slice(0, begin).join('').length,
      text: characters.slice(begin, to).join(''),
    };
  });
}

const isTorn = (text: string): boolean => /^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/.test(text);

test('in any order, with any losses and repeats, deltas are always a beginning of the text, and the end is all of it', () => {
  const act = record({
    what: constantFrom('next', 'next', 'next', 'lose', 'any', 'whole', 'foreign'),
    which: nat(1_000),
  });
  assert(
    property(
      string({ unit: 'grapheme', minLength: 1, maxLength: 60 }),
      array(nat(100), { maxLength: 12 }),
      array(act, { maxLength: 40 }),
      tuple(integer({ min: 0, max: 40 }), integer({ min: 0, max: 40 })),
      (text, cuts, acts, [endAt, storedAt]) => {
        const deltas = deltasOf(text, cuts);
        const growing = new Growing();
        const end: End = { ...PLACE, status: 'done', sequence: 2 };
        let next = 0;
        const known = (): string => growing.now?.text ?? '';
        for (const [at, { what, which }] of [...acts, { what: 'next', which: 0 }].entries()) {
          const before = known();
          const [delta, any] = [deltas[next], deltas[which % deltas.length]];
          if (what === 'lose') next += 1;
          else if (what === 'any' && any !== undefined) growing.delta(any);
          else if (what === 'whole') {
            const said = deltas.slice(0, which % (deltas.length + 1)).map((one) => one.text);
            growing.delta({ ...PLACE, from: 0, text: said.join('') });
          } else if (what === 'foreign') growing.delta({ ...OLDER, from: 0, text: 'of an older attempt' });
          else if (delta !== undefined) {
            growing.delta(delta);
            next += 1;
          }
          if (at === endAt) growing.end(end);
          if (at === storedAt) growing.stored(end, text);
          if (growing.now?.attempt !== PLACE.attempt) continue;
          expect(text.startsWith(known())).toBe(true);
          expect(known().length).toBeGreaterThanOrEqual(before === 'of an older attempt' ? 0 : before.length);
          expect(isTorn(known())).toBe(false);
        }
        growing.stored(end, text);
        // What comes later changes nothing.
        for (const late of deltas) growing.delta(late);
        growing.end({ ...PLACE, status: 'interrupted' });
        expect(growing.now).toEqual({ ...PLACE, status: 'done', sequence: 2, text });
      },
    ),
    { numRuns: 500 },
  );
});

test('a delta behind a hole is not shown, and is asked for; the text so far closes it', () => {
  const growing = new Growing();
  growing.delta({ ...PLACE, from: 0, text: 'one ' });
  growing.delta({ ...PLACE, from: 8, text: 'three' });
  expect([growing.now?.text, growing.isBehind]).toEqual(['one ', true]);
  // The same again closes nothing.
  growing.delta({ ...PLACE, from: 0, text: 'one ' });
  expect(growing.isBehind).toBe(true);
  growing.delta({ ...PLACE, from: 0, text: 'one two three' });
  expect([growing.now?.text, growing.isBehind]).toEqual(['one two three', false]);
  growing.doubt();
  expect(growing.isBehind).toBe(true);
  growing.delta({ ...PLACE, from: 13, text: ' four' });
  expect([growing.now?.text, growing.isBehind]).toEqual(['one two three four', false]);
});

test('every loop over an answer gets the same text, however late it begins and however slow it is', async () => {
  const answer = new OpenAnswer(() => Promise.resolve(true));
  const read = async (pause: number): Promise<string> => {
    let text = '';
    for await (const piece of answer) {
      expect(piece).not.toBe('');
      text += piece;
      for (let at = 0; at < pause; at += 1) await Promise.resolve();
    }
    return text;
  };
  const text = 'the quick brown fox';
  const readers = [read(0), read(7)];
  for (let to = 1; to <= text.length; to += 1) {
    answer.grow(text.slice(0, to));
    await Promise.resolve();
    if (to === 9) readers.push(read(2));
  }
  answer.end({ ...PLACE, status: 'done', sequence: 2 }, text);
  readers.push(read(1));
  expect(await Promise.all(readers)).toEqual(readers.map(() => text));
  expect(await answer.final).toEqual({ ...PLACE, status: 'done', sequence: 2, text });
});

test('half an answer is never called whole: the loop gives what there is, and then throws', async () => {
  const answer = new OpenAnswer(() => Promise.resolve(true));
  answer.grow('half of ');
  answer.end({ ...PLACE, status: 'failed', failure: 'cut' });
  const pieces: string[] = [];
  const loop = async (): Promise<void> => {
    for await (const piece of answer) pieces.push(piece);
  };
  const problem = { reason: 'answer_failed', temporary: true, details: { status: 'failed', failure: 'cut' } };
  await expect(loop()).rejects.toMatchObject(problem);
  await expect(answer.final).rejects.toMatchObject(problem);
  expect([pieces, await answer.stop()]).toEqual([['half of '], false]);
});
