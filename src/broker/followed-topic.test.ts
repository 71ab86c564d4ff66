import { expect, test } from 'vitest';
import { qualify } from '../protocol/topic.ts';
import { FollowedTopic } from './followed-topic.ts';
import { TopicTail } from './topic-tail.ts';

test('an epoch that a page shows to be over is outdated until the next one is entered, and an older page shows nothing', () => {
  const topic = new FollowedTopic(qualify('', 'chat.a'));
  topic.saw('new');
  expect(topic.isOutdated).toBe(false);
  Object.assign(topic, { epoch: 'b', lineage: [{ epoch: 'a', first: 1 }], tail: Object.create(TopicTail.prototype) });
  for (const epoch of ['a', 'b']) topic.saw(epoch);
  expect(topic.isOutdated).toBe(false);
  topic.saw('c');
  expect(topic.isOutdated).toBe(true);
  topic.epoch = 'c';
  expect(topic.isOutdated).toBe(false);
});
