import { STATUS_CODES } from 'node:http';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { characters } from '../../test/kit/characters.ts';
import { ERRORS, isRefusal, quote, refusal } from './errors.ts';

const entries = Object.entries(ERRORS);

describe('the table of errors', () => {
  test.each(entries)('%s is a snake_case name with an HTTP error status', (reason, { code }) => {
    expect(reason).toMatch(/^[a-z]+(_[a-z]+)*$/);
    expect(code).toBeGreaterThanOrEqual(400);
    expect(STATUS_CODES[code]).toBeDefined();
  });

  test.each(entries)('%s says when it happens and what to do', (_reason, { when, remedy }) => {
    expect(when).toMatch(/^\S.*\S$/);
    expect(remedy).toMatch(/^\S.*\S$/);
  });

  test('only what a correct client never sends is a strike', () => {
    const strikes = entries.filter(([, { strike }]) => strike).map(([reason]) => reason);
    expect(strikes).toEqual(['malformed', 'unknown_type', 'invalid_field', 'invalid_topic', 'payload_too_large']);
    for (const [, { code, strike }] of entries) {
      if ([403, 409, 429, 500, 503].includes(code)) expect(strike).toBe(false);
    }
  });

  test('503 is temporary, and what the client has to change is not', () => {
    for (const [, { code, temporary }] of entries) {
      if (code === 503) expect(temporary).toBe(true);
      if ([400, 401, 403, 404, 413, 422].includes(code)) expect(temporary).toBe(false);
    }
  });
});

test('a refusal has a time to wait only when it was given one', () => {
  expect(JSON.stringify(refusal('internal', 'x'))).toBe('{"reason":"internal","message":"x"}');
  expect(JSON.stringify(refusal('internal', 'x', 0))).toBe('{"reason":"internal","message":"x","retryAfterMs":0}');
});

test('a refusal is what was made as one, also when something is added; nothing else is', () => {
  const made = refusal('internal', 'x');
  expect([made, { retryAfterMs: 1, ...made }].map(isRefusal)).toEqual([true, true]);
  expect([{ reason: 'internal', message: 'x' }, JSON.parse(JSON.stringify(made)) as object].map(isRefusal)).toEqual([
    false,
    false,
  ]);
});

describe('quoting untrusted text', () => {
  test('40 characters stay, of more the first 39 with an ellipsis', () => {
    expect(quote('x'.repeat(40))).toBe(`"${'x'.repeat(40)}"`);
    expect(quote('x'.repeat(41))).toBe(`"${'x'.repeat(39)}…"`);
  });

  test('line breaks, quotes and escapes cannot leave the quotes', () => {
    expect(quote('a"b\\c\nd\r\u0000\u001B[31m')).toBe(String.raw`"a\"b\\c\nd\r\u0000\u001b[31m"`);
  });

  test('what is not text is written as text', () => {
    expect([5, true, null, undefined, 10n].map(quote)).toEqual(['"5"', '"true"', '"null"', '"undefined"', '"10"']);
  });

  test('the text can be read back, has no C0 control characters and no half characters', () => {
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 80 }), (text) => {
        const quoted = quote(text);
        const back = JSON.parse(quoted) as string;
        expect(back.length).toBeLessThanOrEqual(40);
        expect(back).toBe(text.length > 40 ? `${text.slice(0, 39)}…` : text);
        // oxlint-disable-next-line no-control-regex
        expect(quoted).not.toMatch(/[\u0000-\u001F]/);
        expect(quoted.isWellFormed()).toBe(true);
      }),
    );
  });
});
