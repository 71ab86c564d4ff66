import { expect, test } from 'vitest';
import { fingerprint, isSame, type Deployment } from './deployment.ts';

const of = (name: string, ...fingerprints: string[]): Deployment => ({ name, fingerprints });

test.each([
  ['a key in common', of('', 'a', 'b'), of('', 'b', 'c'), true],
  ['no key in common', of('', 'a'), of('', 'b'), false],
  ['the same name and other keys', of('shop', 'a'), of('shop', 'b'), true],
  ['another name and the same keys', of('shop', 'a'), of('forum', 'a'), false],
  ['a name that came later', of('', 'a'), of('shop', 'a'), true],
  ['a name that came later with other keys', of('', 'a'), of('shop', 'b'), false],
  ['a name against keys', of('shop'), of('', 'a'), false],
  ['neither name nor keys', of(''), of('', 'a'), true],
])('%s: told apart or not', (_, mark, own, same) => {
  expect(isSame(mark, own)).toBe(same);
});

test('a fingerprint is short, and what is joined cannot be shifted', () => {
  expect(fingerprint('a')).toMatch(/^[0-9a-f]{8}$/);
  expect(fingerprint('ab', 'c')).not.toBe(fingerprint('a', 'bc'));
});
