/** docs/database.md says what the code has. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KEYS } from '../../src/config/keys.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const PAGE = read('docs/database.md');

test('every block of TypeScript on docs/database.md is what the application of the tests says', () => {
  const blocks = [...PAGE.matchAll(/```ts\n(.*?)```/gs)].map(([, block = '']) => block);
  expect(blocks.length).toBeGreaterThanOrEqual(3);
  const source = read('test/database/notes.ts').replaceAll(/^ +/gm, '');
  expect(blocks.filter((block) => !source.includes(block.replaceAll(/^ +/gm, '')))).toEqual([]);
});

test('docs/database.md has every key of its section and every member of the port', () => {
  const keys = KEYS.map(({ path }) => path).filter((path) => path.startsWith('database.'));
  expect(keys.length).toBeGreaterThan(7);
  expect(keys.filter((key) => !PAGE.includes(`\`${key.replace('database.', '')}\``))).toEqual([]);
  const [, body = ''] = /export interface Database \{\n(.*?)\n\}/s.exec(read('src/database/database.ts')) ?? [];
  const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(<]/gm)].map(([, member = '']) => member);
  expect(members.filter((member) => !PAGE.includes(`\`${member}\``))).toEqual([]);
});
