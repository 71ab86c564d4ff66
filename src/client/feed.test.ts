/** What of a topic's frames is taken: the next one, whatever connection it comes over. */
import { expect, test } from 'vitest';
import type { ServerData } from '../protocol/wire.ts';
import { Feed, type Accepted } from './feed.ts';
import { messageOf } from './items.ts';
import type { Link } from './link.ts';

function feedAt(sequence: number): Feed {
  const feed = new Feed('a');
  feed.last = { epoch: 'e1', sequence };
  return feed;
}

function message(feed: Feed, sequence: number, epoch = 'e1'): Accepted {
  const data = { topic: 'a', payload: sequence, sequence, epoch, from: 'bob' } as ServerData;
  return feed.message(data, () => messageOf('a', { type: 'Broadcast', data }, () => false), 1);
}

function gap(feed: Feed, from: number, to: number): Accepted {
  return feed.gap({ topic: 'a', cause: 'trimmed', epoch: 'e1', from, to, count: to - from + 1 } as ServerData);
}

test('the next one moves it, what it has had does not, and a hole is none of the two', () => {
  const feed = feedAt(5);
  expect([message(feed, 6), feed.last?.sequence]).toEqual(['taken', 6]);
  expect([message(feed, 6), message(feed, 2), feed.last?.sequence]).toEqual(['known', 'known', 6]);
  expect([message(feed, 8), feed.last?.sequence]).toEqual(['violation', 6]);
});

test('the next one may be of another epoch: nothing was lost then', () => {
  const feed = feedAt(5);
  expect([message(feed, 6, 'e2'), feed.last]).toEqual(['taken', { epoch: 'e2', sequence: 6 }]);
});

test('of a gap over two connections only what is new counts', () => {
  const feed = feedAt(5);
  const seen: unknown[] = [];
  feed.consumers.add({ isJoined: true, push: (item: unknown) => seen.push(item) > 0 } as never);
  expect([gap(feed, 2, 4), gap(feed, 4, 8), gap(feed, 8, 8), gap(feed, 12, 13)]).toEqual([
    'known',
    'taken',
    'known',
    'violation',
  ]);
  expect(seen).toMatchObject([
    { kind: 'gap', from: 6, to: 8, count: 3, position: { epoch: 'e1', sequence: 8 } },
    { kind: 'live' },
  ]);
});

test('a message that was just published ends the catching up, also when the log lost what it had promised', () => {
  const feed = new Feed('a');
  feed.last = { epoch: 'e1', sequence: 0 };
  feed.confirmed({} as Link, { epoch: 'e1', sequence: 0 }, { recovered: true, missed: 18 });
  const take = (sequence: number, replayed: boolean): boolean => {
    const data = { topic: 'a', payload: sequence, sequence, epoch: 'e2', from: 'bob', ...(replayed && { replayed }) };
    const frame = { type: 'Broadcast', data: data as ServerData };
    feed.message(frame.data, () => messageOf('a', frame, () => false), 1);
    return feed.isLive;
  };
  expect([take(1, true), take(2, true), take(3, false)]).toEqual([false, false, true]);
});
