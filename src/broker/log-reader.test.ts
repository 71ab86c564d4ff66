import { expect, test } from 'vitest';
import { qualify } from '../protocol/topic.ts';
import { SegmentPool } from '../segments/segment-pool.ts';
import { VirtualClock } from '../simulation/virtual-clock.ts';
import type { History, ReadRequest } from './broker.ts';
import { FollowedTopic } from './followed-topic.ts';
import { LogReader } from './log-reader.ts';
import { PacedReads } from './paced-reads.ts';
import { layDown } from './record.ts';
import type { LogPage, StoredRecord, TopicLogs } from './topic-logs.ts';
import { TopicTail } from './topic-tail.ts';

const TOPIC = qualify('', 'chat.a');
const LIMITS = { messages: 4, bytes: 1_000_000, totalBytes: 1_000_000 };
const HOUR_MS = 3_600_000;

function stored(sequence: number): StoredRecord {
  const draft = { from: 'ada', clientId: undefined, trace: undefined, idempotencyKey: undefined };
  return { sequence, time: new VirtualClock().now(), record: layDown({ ...draft, payload: String(sequence) }) };
}

/** A log that answers when it is told to. */
class LateLogs implements Pick<TopicLogs, 'isAvailable' | 'read'> {
  readonly isAvailable = true;
  private readonly asked: { readonly request: ReadRequest; readonly reply: (page: LogPage) => void }[] = [];

  read(_topic: string, request: ReadRequest, _ageMs: number, reply: (page: LogPage) => void): void {
    this.asked.push({ request, reply });
  }

  /** Answers the oldest question with a log that holds from `oldest` to `top`. */
  answer(oldest: number, top: number): void {
    const { request, reply } = this.asked.shift() ?? {};
    if (request === undefined || reply === undefined) throw new Error('nothing was asked');
    const after = typeof request.after === 'object' && 'sequence' in request.after ? request.after.sequence : 0;
    const all = Array.from({ length: top - oldest + 1 }, (_, index) => stored(oldest + index));
    const records = all.filter(({ sequence }) => sequence > after && sequence < (request.before ?? Infinity));
    reply({ epoch: 'e', first: 1, top, lineage: [], withdrawn: 0, oldest, after, lost: null, records });
  }
}

test('a tail that is made longer in two pages has no hole where the log was trimmed between them', () => {
  const logs = new LateLogs();
  const reads = new PacedReads({ atOnce: 1, waiting: 10 }, logs as unknown as TopicLogs);
  const reader = new LogReader(reads, new VirtualClock(), LIMITS, () => {});
  const tail = new TopicTail(new SegmentPool(1_000_000), LIMITS, 1);
  const topic = Object.assign(new FollowedTopic(TOPIC), { epoch: 'e', head: 1, tail });
  const answers: History[] = [];
  const read = (sequence: number): void =>
    reader.read(TOPIC, topic, { after: { epoch: 'e', sequence }, limit: 10, maxBytes: 1_000 }, HOUR_MS, (answer) => {
      if ('publications' in answer) answers.push(answer);
    });
  read(0);
  // While the first page is under way the tail moves on, and the log loses its oldest messages.
  for (let sequence = 2; sequence <= 8; sequence += 1) tail.add(stored(sequence));
  topic.head = 8;
  logs.answer(1, 1);
  logs.answer(4, 8);
  read(4);
  expect(answers.at(-1)?.publications.map(({ position, payload }) => [position?.sequence, payload])).toEqual([
    [5, '5'],
    [6, '6'],
    [7, '7'],
    [8, '8'],
  ]);
});
