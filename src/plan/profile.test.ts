import { describe, expect, test } from 'vitest';
import { completed, DEFAULT_PROFILE } from './default-profile.ts';
import { FIGURE_NAMES } from './figures.ts';
import { parseProfile } from './profile.ts';

const TEXT = JSON.stringify(DEFAULT_PROFILE);
const { connection_bytes: _, ...withoutOne } = DEFAULT_PROFILE.figures;

test('the shipped profile is one, and complete', () => {
  expect(parseProfile(TEXT, 'shipped')).toEqual(DEFAULT_PROFILE);
  expect(Object.keys(DEFAULT_PROFILE.figures).toSorted()).toEqual([...FIGURE_NAMES].toSorted());
});

test('figures of Redis that a calibration has not are borrowed, and it is said', () => {
  const figures = Object.fromEntries(
    Object.entries(DEFAULT_PROFILE.figures).filter(([name]) => !name.startsWith('redis_')),
  );
  const profile = parseProfile(JSON.stringify({ ...DEFAULT_PROFILE, figures }), 'p.json');
  expect(completed(profile)).toEqual({
    figures: DEFAULT_PROFILE.figures,
    borrowed: [expect.stringContaining('has no figures of Redis'), ...DEFAULT_PROFILE.origin.notes],
  });
});

describe('a file that is no profile is refused, with what was expected', () => {
  test.each([
    ['{', 'expected JSON in p.json'],
    ['[]', 'expected a JSON object in p.json, got []'],
    ['{"format":2}', 'expected format 1 in p.json, got 2'],
    [JSON.stringify({ ...DEFAULT_PROFILE, origin: { date: 'x' } }), 'expected a text "origin.server"'],
    [
      JSON.stringify({ ...DEFAULT_PROFILE, figures: { ...DEFAULT_PROFILE.figures, turn_us: -1 } }),
      'expected a number from 0 as "figures.turn_us" in p.json, got -1',
    ],
    [
      JSON.stringify({ ...DEFAULT_PROFILE, figures: { ...DEFAULT_PROFILE.figures, turn_ms: 1 } }),
      'without strangers in p.json, got "turn_ms"',
    ],
    [JSON.stringify({ ...DEFAULT_PROFILE, figures: withoutOne }), 'expected a number as "figures.connection_bytes"'],
  ])('%#', (text, says) => {
    expect(() => parseProfile(text, 'p.json')).toThrow(says);
    expect(() => parseProfile(text, 'p.json')).toThrow(
      text === '{' ? 'JSON' : 'load --calibrate --out p.json writes one',
    );
  });
});
