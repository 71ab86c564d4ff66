/** docs/applications.md says what the code has: its blocks are those of the example, its tables have every member. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const PAGE = read('docs/applications.md');
/** Where the blocks come from. */
const SOURCES = ['examples/poll/poll.ts', 'test/apps/own-numbering.test.ts', 'test/apps/streamed-bodies.test.ts'].map(
  read,
);

/** Members of an interface, as they are written at its first level. */
function membersOf(file: string, name: string): string[] {
  const [, body = ''] = new RegExp(`export interface ${name}\\b[^{]*\\{\\n(.*?)\\n\\}`, 's').exec(read(file)) ?? [];
  const members = [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(<]/gm)].map(([, member = '']) => member);
  return [...new Set(members)].sort();
}

/** The names in the first column of the table below a heading. */
function tableBelow(heading: string): string[] {
  const [, section = ''] = PAGE.split(`### ${heading}\n`);
  const rows = (section.split('\n#')[0] ?? '').matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm);
  return [...rows].flatMap(([, cell = '']) => cell.split(', ').map((name) => name.replaceAll('`', ''))).sort();
}

describe('docs/applications.md', () => {
  test('every block of TypeScript is what the example says', () => {
    const blocks = [...PAGE.matchAll(/```ts\n(.*?)```/gs)].map(([, block = '']) => block);
    expect(blocks.length).toBeGreaterThan(8);
    expect(blocks.filter((block) => !SOURCES.some((source) => source.includes(block)))).toEqual([]);
  });

  test.each([
    ['The module: `App`', 'src/apps/app.ts', 'App'],
    ['What it gives back: `Parts`', 'src/apps/app.ts', 'Parts'],
    ['Frames: `host.frame`', 'src/apps/frame.ts', 'FrameDefinition'],
    ['Routes: `host.route`', 'src/apps/app-route.ts', 'RouteDefinition'],
    ['Owned topics', 'src/apps/app.ts', 'OwnedTopics'],
    ['Hooks', 'src/apps/app.ts', 'Hooks'],
    ['Callers', 'src/apps/app.ts', 'Callers'],
    ['The host', 'src/apps/host-api.ts', 'Host'],
  ])('the table "%s" has every member of its type, and no other', (heading, file, name) => {
    expect(membersOf(file, name).length).toBeGreaterThan(2);
    expect(tableBelow(heading)).toEqual(membersOf(file, name));
  });

  test('the example is as short as the page says', () => {
    expect(read('examples/poll/poll.ts').split('\n').length).toBeLessThanOrEqual(151);
  });
});
