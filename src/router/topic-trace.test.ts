import { expect, test } from 'vitest';
import { messageId, type Publication } from '../protocol/position.ts';
import { qualify, topicDigest } from '../protocol/topic.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import { MessageTrace } from '../telemetry/message-trace.ts';
import { publication } from './test-rig.ts';
import { TopicTrace } from './topic-trace.ts';

const TOPIC = qualify('', 'chat.a');
const TIMES = { received: 3, validated: 4 };
const OWNER = { number: 1, id: 'c-1', principal: { user: 'ann' } };

test('a late answer about an older epoch costs no message of the newer one its recipients', () => {
  const clock = new VirtualClock();
  const ring = new MessageTrace({ messages: 10, recipients: 10 }, () => {});
  const trace = new TopicTrace(TOPIC, 0, ring, clock);
  const position = { epoch: 'new', sequence: 1 };
  const id = messageId(clock.now(), 1, topicDigest(TOPIC));
  const message: Publication = { ...publication('chat.a', position), id };
  trace.isOpen = true;
  trace.startAt('new');
  trace.stored(id, position, 'ada', TIMES);
  trace.startAt('old');
  trace.cut('new', 1, 1, []);
  trace.routed(message, 1);
  trace.ended(0, 1, OWNER, 'written');
  expect([...(ring.find(id)?.recipients.values() ?? [])]).toMatchObject([{ user: 'ann', end: 'written' }]);
});
