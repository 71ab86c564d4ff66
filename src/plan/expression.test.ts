import { describe, expect, test } from 'vitest';
import { evaluate, namesIn, parseExpression } from './expression.ts';

const VALUES: Readonly<Record<string, number>> = { a: 2, b: 3, nothing: 0, per_s: 0.5 };

function valueOf(name: string): number {
  const value = VALUES[name];
  if (value === undefined) throw new Error(`no ${name}`);
  return value;
}

describe('formulas are reckoned as they are written', () => {
  test.each([
    ['a + b × 4', 14],
    ['(a + b) × 4', 20],
    ['a − b − 1', -2],
    ['12 ÷ a ÷ b', 2],
    ['min(a, b, 1.5)', 1.5],
    ['max(a, b × 2)', 6],
    ['ceil(b ÷ a)', 2],
    ['ceil(0.1 × 3 × 10)', 3],
    ['per_s × 10', 5],
  ])('%s = %d', (text, value) => {
    expect(evaluate(parseExpression(text), valueOf)).toBeCloseTo(value, 12);
  });

  test('divided by nothing there is no bound, and nothing of that is nothing', () => {
    expect(evaluate(parseExpression('a ÷ nothing'), valueOf)).toBe(Infinity);
    expect(evaluate(parseExpression('nothing × (a ÷ nothing)'), valueOf)).toBe(0);
    expect(evaluate(parseExpression('min(b, nothing ÷ nothing)'), valueOf)).toBe(3);
  });

  test('its names are found once each, and those of calls are none', () => {
    expect(namesIn(parseExpression('max(a, b) × a ÷ per_s + 3'))).toEqual(['a', 'b', 'per_s']);
  });

  test.each([
    ['a +', 'a number, a name or ('],
    ['a b', 'the end'],
    ['(a', ')'],
    ['a * b', '" * b"'],
    ['min(a', ')'],
    ['', 'a number, a name or ('],
  ])('%j is refused', (text, says) => {
    expect(() => parseExpression(text)).toThrow(says);
  });
});
