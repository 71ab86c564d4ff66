/** Every sentence has a named subject: the commonest faults are looked for in pages, comments and texts. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { FAULTS } from './kit/language.ts';
import { PAGES } from './kit/pages.ts';
import { partsOfPage, partsOfSource, sentencesOf } from './kit/sentences.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = globSync('{src,scripts,bench,test,examples}/**/*.ts', {
  cwd: ROOT,
  exclude: (path) => path.includes('node_modules'),
});
/** Files that still have faults, with how many. Take an entry away when its file is mended; add none. */
const LEFT: Readonly<Record<string, number>> = {};

function faultsOf(path: string): string[] {
  const text = readFileSync(join(ROOT, path), 'utf8');
  const parts = path.endsWith('.md') ? partsOfPage(text) : partsOfSource(text);
  return parts.flatMap(sentencesOf).flatMap((sentence) => {
    const fault = FAULTS.find(({ isIn }) => isIn(sentence));
    return fault === undefined ? [] : [`${path}: "${sentence.slice(0, 120)}" (${fault.name}: ${fault.cure})`];
  });
}

describe('the lint of sentences', () => {
  test.each([
    ['Who comes now is told 503.', true],
    ['Who may ask?', false],
    ['What is queued for a subscription is a range of its log.', true],
    ['What the log no longer has is announced.', true],
    ['What was not received and not announced by a `Gap` is lost.', true],
    ['What a node knows of a topic that is silent.', false],
    ['What all connections of a node share: ports and limits.', false],
    ['Whoever asks is told.', true],
    ['A busy machine would else measure the compiler.', true],
    ['The server closes who is silent for a minute.', true],
    ['A user who is away comes back.', false],
    ['Clients that come now get 503.', false],
  ])('%s', (sentence, isFaulty) => {
    expect(FAULTS.some(({ isIn }) => isIn(sentence))).toBe(isFaulty);
  });

  test('it sees every kind of text', () => {
    const page = '# Who is a heading\n\n- Who is here\n  waits. Next.\n\n| Who | `a` |\n\n```\nWho is code\n```\n';
    expect(partsOfPage(page).filter((part) => part !== '')).toEqual(['Who is here waits. Next.', 'Who', '`a`']);
    const source = "/**\n * Who is\n * here.\n */\n// A line\n// goes on.\nconst x = 'two words';\n";
    expect(partsOfSource(source)).toEqual(['Who is here.', 'A line goes on.', 'two words']);
  });
});

test('no sentence has lost its subject', () => {
  const found = [...PAGES, ...SOURCES]
    .filter((path) => path !== 'test/kit/language.ts' && path !== 'test/language.test.ts')
    .map((path) => ({ path, faults: faultsOf(path) }));
  expect(found.flatMap(({ path, faults }) => (faults.length > (LEFT[path] ?? 0) ? faults : []))).toEqual([]);
  expect(found.filter(({ path, faults }) => faults.length < (LEFT[path] ?? 0)).map(({ path }) => path)).toEqual([]);
});
