import { expect, test } from 'vitest';
import type { Published } from './broker.ts';
import { IdempotencyWindow } from './idempotency.ts';

const WINDOW_MS = 1_000;
const first: Published = { id: '1-1-abcdef', position: { epoch: 'e', sequence: 1 }, duplicate: false };

test('a key that nobody used is free', () => {
  const window = new IdempotencyWindow(WINDOW_MS, 10);
  expect(window.find('a', '1', 0)).toBeNull();
  expect(window.size).toBe(0);
});

test('a used key answers what came of its first use, as a duplicate', () => {
  const window = new IdempotencyWindow(WINDOW_MS, 10);
  window.remember('a', '1', first, 0);
  expect(window.find('a', '1', 0)).toEqual({ ...first, duplicate: true });
  expect(window.find('b', '1', 0)).toBeNull();
});

test('payloads are compared exactly', () => {
  const window = new IdempotencyWindow(WINDOW_MS, 10);
  window.remember('a', '{"n":1}', first, 0);
  for (const payload of ['{"n":2}', '{"n": 1}', '']) expect(window.find('a', payload, 0)).toBe('conflict');
});

test('a key is forgotten when exactly its window has passed', () => {
  const window = new IdempotencyWindow(WINDOW_MS, 10);
  window.remember('a', '1', first, 500);
  expect(window.find('a', '1', 1_499)).toMatchObject({ duplicate: true });
  expect(window.find('a', '2', 1_500)).toBeNull();
  expect(window.size).toBe(0);
});

test('asking again does not make a key live longer', () => {
  const window = new IdempotencyWindow(WINDOW_MS, 10);
  window.remember('a', '1', first, 0);
  for (const now of [400, 800, 999]) expect(window.find('a', '1', now)).not.toBeNull();
  expect(window.find('a', '1', 1_000)).toBeNull();
});

test('keys expire one by one, the oldest first', () => {
  const window = new IdempotencyWindow(WINDOW_MS, 10);
  for (const [at, scope] of ['a', 'b', 'c'].entries()) window.remember(scope, '1', first, at * 100);
  expect(window.find('c', '1', 1_100)).toMatchObject({ duplicate: true });
  expect(window.size).toBe(1);
});

test('a full window takes no new key, keeps the old ones, and takes new ones when the oldest has expired', () => {
  const window = new IdempotencyWindow(WINDOW_MS, 2);
  window.remember('a', '1', first, 0);
  window.remember('b', '1', first, 100);
  expect(window.find('c', '1', 999)).toBe('full');
  expect(window.find('a', '1', 999)).toMatchObject({ duplicate: true });
  expect(window.find('b', '2', 999)).toBe('conflict');
  expect(window.find('c', '1', 1_000)).toBeNull();
  window.remember('c', '1', first, 1_000);
  expect(window.size).toBe(2);
});

test('of very many expired keys some go at each use, and none of them counts', () => {
  const window = new IdempotencyWindow(WINDOW_MS, 10_000);
  for (let at = 0; at < 1_000; at += 1) window.remember(`k${at}`, '1', first, 0);
  expect(window.find('k999', '2', WINDOW_MS)).toBeNull();
  expect(window.size).toBe(899);
  window.remember('k999', '2', first, WINDOW_MS);
  for (let uses = 0; uses < 9; uses += 1) expect(window.find('k998', '1', WINDOW_MS)).toBeNull();
  expect(window.size).toBe(1);
  expect(window.find('k999', '2', WINDOW_MS)).toMatchObject({ duplicate: true });
});
