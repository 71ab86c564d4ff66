import { expect, test } from 'vitest';
import { SegmentPool } from '../segments/segment-pool.ts';
import { json } from '../protocol/json.ts';
import { msgpack } from '../protocol/msgpack.ts';
import { PageCache } from './page-cache.ts';
import type { PreparedRange } from './prepared-ranges.ts';
import { RoutedTopic } from './routed-topic.ts';

const LIMITS = { messages: 5, bytes: 1_000, totalBytes: 1_000 };
const [topic, other] = ['chat.a', 'chat.b'].map(
  (name) => new RoutedTopic(name, new SegmentPool(1_000), LIMITS, () => {}),
) as [RoutedTopic, RoutedTopic];

function page(after: number): PreparedRange {
  return { after, to: after + 1, replayed: true, frames: [new Uint8Array(1)], batch: null };
}

test('a page is found by its topic, place and format, while the epoch lasts', () => {
  const cache = new PageCache();
  const first = page(0);
  cache.add(topic, json, first);
  expect(cache.find(topic, json, 0)).toBe(first);
  expect(cache.find(topic, json, 1)).toBe(null);
  expect(cache.find(topic, msgpack, 0)).toBe(null);
  expect(cache.find(other, json, 0)).toBe(null);
  topic.epochNumber += 1;
  expect(cache.find(topic, json, 0)).toBe(null);
});

test('the oldest page gives way to a new one', () => {
  const cache = new PageCache();
  for (let after = 0; after < 40; after += 1) cache.add(topic, json, page(after));
  const held = Array.from({ length: 40 }, (_, after) => after).filter((at) => cache.find(topic, json, at) !== null);
  expect(held).toEqual(Array.from({ length: 32 }, (_, at) => at + 8));
});

test('a page that several have read at the same time has one place', () => {
  const cache = new PageCache();
  cache.add(topic, json, page(0));
  for (let reader = 0; reader < 32; reader += 1) cache.add(topic, json, page(1));
  expect(cache.find(topic, json, 0)).not.toBe(null);
});

test('a page that nobody asks for is forgotten', () => {
  const cache = new PageCache();
  cache.add(topic, json, page(0));
  cache.add(topic, json, page(1));
  cache.sweep();
  expect(cache.find(topic, json, 1)).not.toBe(null);
  cache.sweep();
  expect(cache.find(topic, json, 0)).toBe(null);
  cache.sweep();
  expect(cache.find(topic, json, 1)).toBe(null);
});
