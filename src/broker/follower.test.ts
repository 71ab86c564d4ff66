import { expect, test } from 'vitest';
import { qualify } from '../protocol/topic.ts';
import { FollowedTopic } from './followed-topic.ts';
import { Follower, type FollowerParts } from './follower.ts';
import type { LogPage } from './topic-logs.ts';
import type { TopicTail } from './topic-tail.ts';

test('a message beyond what a log still has is told after one look: an owned topic keeps its epoch when its log goes back', () => {
  const told: number[] = [];
  let reads = 0;
  const page: LogPage = {
    epoch: 'table',
    first: 1,
    top: 2,
    lineage: [],
    withdrawn: 0,
    oldest: 3,
    after: 2,
    lost: null,
    records: [],
  };
  const listener: Partial<FollowerParts['listener']> = {
    published: ({ position }) => void told.push(position?.sequence ?? 0),
  };
  const tail: Partial<TopicTail> = { add: () => {}, cutAt: () => {} };
  const read: FollowerParts['reads']['read'] = (_topic, _request, _age, reply) => {
    reads += 1;
    if (reads < 10) reply(page);
  };
  const follower = new Follower({
    clock: { elapsed: () => 0 },
    listener,
    reads: { read },
    newTail: () => tail,
    ageOf: () => 1_000,
  } as unknown as FollowerParts);
  const topic = new FollowedTopic(qualify('', 'chat.n'));
  follower.begin(topic, { epoch: 'table', first: 1, lineage: [], withdrawn: 0 }, 2);
  const records = [{ sequence: 5, time: 1, record: '5,8,0;user1user1-1"m"' }];
  follower.noticed(topic, {
    kind: 'logged',
    epoch: 'table',
    first: 1,
    previous: '-',
    adopted: false,
    withdrawn: 0,
    records,
  });
  expect([told, reads]).toEqual([[5], 1]);
});
