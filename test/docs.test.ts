import { expect, test } from 'vitest';
import { GENERATED, staleFiles } from '../scripts/docs.ts';

test('generated files are what the tables say (else: make docs)', () => {
  expect(staleFiles()).toEqual([]);
});

test('there is something in every generated file', () => {
  for (const make of Object.values(GENERATED)) expect(make().length).toBeGreaterThan(1_000);
});
