/** docs/queues.md says what the code has. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { KEYS } from '../../src/config/keys.ts';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const PAGE = read('docs/queues.md');

test('every block of TypeScript on docs/queues.md is what the application of the tests says', () => {
  const blocks = [...PAGE.matchAll(/```ts\n(.*?)```/gs)].map(([, block = '']) => block);
  expect(blocks.length).toBeGreaterThanOrEqual(2);
  const source = read('test/queues/letters.ts').replaceAll(/^ +/gm, '');
  expect(blocks.filter((block) => !source.includes(block.replaceAll(/^ +/gm, '')))).toEqual([]);
});

test('docs/queues.md has every key of its section, every member of a queue, of a message and of the options', () => {
  const keys = KEYS.map(({ path }) => path).filter((path) => path.startsWith('queue.'));
  expect(keys.length).toBeGreaterThan(3);
  expect(keys.filter((key) => !PAGE.includes(`\`${key.replace('queue.', '')}\``))).toEqual([]);
  const source = read('src/queue/queue.ts');
  for (const name of ['Queue', 'QueueMessage', 'ConsumeOptions', 'QueueDepth']) {
    const [, body = ''] = new RegExp(`export interface ${name} \\{\\n(.*?)\\n\\}`, 's').exec(source) ?? [];
    const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(<]/gm)].map(([, member = '']) => member);
    expect(members.length).toBeGreaterThan(3);
    expect(members.filter((member) => !PAGE.includes(`\`${member}\``))).toEqual([]);
  }
});
