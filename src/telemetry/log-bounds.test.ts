import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { LogFactory, parseLevels } from './pino-log.ts';

function lineOf(message: string, fields: Readonly<Record<string, unknown>>): string {
  const lines: string[] = [];
  const node = 'n'.repeat(64);
  const logs = new LogFactory(parseLevels('info'), 'json', { node }, { write: (line) => void lines.push(line) });
  logs.room('connection').info(message, fields);
  expect(lines).toHaveLength(1);
  return lines[0] ?? '';
}

test('any text in any number of fields: one line of JSON, at most 8 KiB, nothing that a terminal would obey', () => {
  const long = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 3_000, size: 'max' }),
    fc.constantFrom('\u001b', '\u009b', '"', '\\', '\n', '\ud800', '€', '😀', 'x').map((text) => text.repeat(3_000)),
  );
  const fields = fc.dictionary(fc.stringMatching(/^[a-z]{3,12}$/), fc.oneof(long, fc.array(long)), { maxKeys: 12 });
  fc.assert(
    fc.property(long, fields, (message, given) => {
      const line = lineOf(message, given);
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(8_192);
      expect(line.slice(0, -1)).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
      expect(line.isWellFormed()).toBe(true);
      expect(JSON.parse(line)).toMatchObject({ target: 'signalbox::connection', level: 'INFO' });
    }),
    { seed: 20_251_123, numRuns: 150 },
  );
});

test('what fits and is harmless stays as it is, structured fields too', () => {
  const fields = { user: 'zoë', rates: { rps: 5 }, port: 8081, none: null, stack: 'a\n\tb', missing: undefined };
  expect(JSON.parse(lineOf('Started', fields))).toMatchObject({
    message: 'Started',
    user: 'zoë',
    rates: { rps: 5 },
    port: 8081,
    none: null,
    stack: 'a\n\tb',
  });
});

test('control characters stay readable', () => {
  expect(JSON.parse(lineOf('a\u001bb', { user: '\u009b31m' }))).toMatchObject({
    message: 'a\\u001bb',
    user: '\\u009b31m',
  });
});
