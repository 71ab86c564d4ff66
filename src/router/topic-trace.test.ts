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
  trace.stored(id, position, message, TIMES);
  trace.startAt('old');
  trace.cut('new', 1, 1, []);
  trace.routed(message, 1);
  trace.ended(0, 1, OWNER, 'written');
  expect([...(ring.find(id)?.recipients.values() ?? [])]).toMatchObject([{ user: 'ann', end: 'written' }]);
});

test('a message that was replayed as older than the trace is not traced by a late answer without that recipient', () => {
  const since = 1_000;
  const ring = new MessageTrace({ messages: 10, recipients: 10 }, () => {});
  const trace = new TopicTrace(TOPIC, since, ring, new VirtualClock());
  const at = (sequence: number): Publication => {
    // The clock of the log is behind ours.
    const id = messageId(since - 5, sequence, topicDigest(TOPIC));
    return { ...publication('chat.a', { epoch: 'e', sequence }), id, timestamp: since - 5 };
  };
  trace.isOpen = true;
  trace.startAt('e');
  trace.replayed([at(4)], OWNER);
  for (const sequence of [4, 5]) trace.stored(at(sequence).id, { epoch: 'e', sequence }, at(sequence), TIMES);
  expect([...ring.messages()].map(({ sequence }) => sequence)).toEqual([5]);
  trace.cut('new', 3, 4, []);
  trace.stored(at(3).id, { epoch: 'new', sequence: 3 }, at(3), TIMES);
  expect([...ring.messages()].map(({ sequence }) => sequence)).toEqual([5, 3]);
});
