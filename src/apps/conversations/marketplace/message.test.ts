import { expect, test } from 'vitest';
import { marketplaceMessage, withoutTags } from './message.ts';

/** What a browser takes for the beginning of a tag, a comment or an instruction. */
const BEGINNING = /<[A-Za-z!/?]/;

test.each([
  ['<b>hello</b>', 'hello'],
  ['<<b>script>alert(1)<<b>/script>', '< script>alert(1)< /script>'],
  ['<img src=x onerror=alert(1)//', '< img src=x onerror=alert(1)//'],
  ['<!--', '< !--'],
  ['<?php', '< ?php'],
  ['1 < 2, a<b and i <3 you', '1 < 2, a< b and i <3 you'],
])('%j is shown as %j, which begins no tag, and stays so', (text, shown) => {
  expect(withoutTags(text)).toBe(shown);
  expect(withoutTags(shown)).toBe(shown);
  expect(withoutTags(text.repeat(50))).not.toMatch(BEGINNING);
});

test('what another client has sent is shown without tags as well', () => {
  const sent = { id: 'c.1', conversation: 'c', sequence: 1, n: 1, from: 'eve', timestamp: 0, type: 'text' } as const;
  expect(marketplaceMessage({ ...sent, content: 'a<script>b' })).toMatchObject({ content: 'ab' });
});
