import { expect, test } from 'vitest';
import { z } from 'zod';
import { generated, staleFiles } from '../scripts/docs.ts';
import { BUILT_IN } from '../src/cli/built-in-apps.ts';

test('generated files are what the tables say (else: make docs)', () => {
  expect(staleFiles()).toEqual([]);
});

test('there is something in every generated file', () => {
  for (const make of Object.values(generated())) expect(make().length).toBeGreaterThan(1_000);
});

test.each(Object.entries(BUILT_IN))(
  'the configuration page has every key of [apps.%s], and what it does',
  async (name, load) => {
    const schema = (await load()).app.settings?.(z);
    const keys = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
    const [, section = ''] = (generated()['docs/configuration.md']?.() ?? '').split(`## [apps.${name}]\n`);
    const rows = (section.split('\n## ')[0] ?? '').split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.map((row) => row.split('`')[1])).toEqual(keys);
    for (const row of rows) expect(row.split(' | ')[3], row).toMatch(/\w{3}/);
  },
);
