/** The distributed broker lets go of silent topics that only patterns bring, and loses nothing by it. */
import { expect, test } from 'vitest';
import type { Retained } from './broker.ts';
import { layDown } from './record.ts';
import { DistributedRig, KEEP, SILENCE_MS, TTL_MS } from './test-rig-distributed.ts';

const REST_MS = 600_000;
const TOPIC = 'chat.a';

class Rig extends DistributedRig {
  /** What the listener was told, in order. */
  readonly told: string[];
  /** Topics that Redis was asked about in the way that lets them begin and live on. */
  heads = 0;

  constructor() {
    const told: string[] = [];
    super(REST_MS, {
      published: ({ topic, position }) => void told.push(`${topic} ${position?.sequence}`),
      epochChanged: (topic, _epoch, first) => void told.push(`${topic} from ${first} another epoch`),
      forgotten: (topic) => void told.push(`${topic} forgotten`),
    });
    this.told = told;
    const heads = this.logs.heads.bind(this.logs);
    this.logs.heads = (topics, reply) => {
      this.heads += topics.length;
      heads(topics, reply);
    };
  }

  get resting(): [followed: number, resting: number] {
    const { topics, resting } = this.broker.usage();
    return [topics, resting];
  }

  retain(filter: string): Retained {
    let retained: Retained | undefined;
    this.broker.retain(filter, (answer) => {
      if ('matched' in answer) retained = answer;
    });
    this.settle();
    if (retained === undefined) throw new Error(`${filter} was not granted`);
    return retained;
  }

  publish(topic = TOPIC): void {
    const draft = { payload: '1', from: 'ada', clientId: undefined, trace: undefined, idempotencyKey: undefined };
    this.broker.publish(topic, draft, () => {});
    this.settle();
  }

  /** Publishes, and loses the notice on the way. */
  publishUnheard(): void {
    const record = layDown({ payload: '1', from: 'ada', clientId: undefined, trace: undefined });
    const draft = { record, from: 'ada', once: null };
    this.redis.call({ kind: 'append', topic: TOPIC, retention: KEEP, records: [draft], reply: () => {} }, this)();
    this.logs.loseNotice();
  }
}

/** A node that has a pattern and two messages of a topic, which then rests. */
function rested(): Rig {
  const rig = new Rig();
  rig.retain('chat.*');
  rig.publish();
  rig.publish();
  rig.pass(REST_MS + 2_000);
  expect([rig.resting, rig.told.splice(0)]).toEqual([
    [0, 1],
    ['chat.a 1', 'chat.a 2'],
  ]);
  return rig;
}

test('a silent topic rests: nothing is asked that would keep it in Redis, and its next message brings it back', () => {
  const rig = rested();
  rig.heads = 0;
  rig.pass(10 * SILENCE_MS);
  expect([rig.heads, rig.told]).toEqual([0, []]);
  rig.publish();
  expect([rig.told, rig.resting]).toEqual([['chat.a 3'], [1, 0]]);
});

test('a message whose notice was lost is told with the next one, in order', () => {
  const rig = rested();
  rig.publishUnheard();
  rig.publish();
  expect(rig.told).toEqual(['chat.a 3', 'chat.a 4']);
});

test('a message whose notice was lost is found without a next one', () => {
  const rig = rested();
  rig.publishUnheard();
  rig.pass(4 * SILENCE_MS);
  expect([rig.told, rig.resting]).toEqual([['chat.a 3'], [1, 0]]);
});

test('what was published while the link was down is told when it is back', () => {
  const rig = rested();
  rig.logs.breakMessages();
  rig.publishUnheard();
  rig.settle();
  expect(rig.told).toEqual([]);
  rig.logs.mend();
  rig.settle();
  expect(rig.told).toEqual(['chat.a 3']);
});

test('what was published while nothing was answered is told when it is again', () => {
  const rig = rested();
  rig.logs.breakCommands(0);
  rig.publishUnheard();
  rig.pass(4 * SILENCE_MS);
  rig.logs.mend();
  rig.settle();
  expect(rig.told).toEqual(['chat.a 3']);
});

test('a log that was lost meanwhile is told as such', () => {
  const rig = rested();
  rig.redis.empty();
  rig.pass(4 * SILENCE_MS);
  // Nobody knows yet whether it comes again.
  expect([rig.told, rig.resting]).toEqual([[], [0, 1]]);
  rig.publish();
  expect(rig.told).toEqual(['chat.a from 1 another epoch', 'chat.a 1']);
});

test('a topic that has outlived its time in Redis is forgotten, and begins anew', () => {
  const rig = rested();
  rig.pass(TTL_MS);
  expect(rig.resting).toEqual([0, 1]);
  rig.redis.empty();
  rig.pass(4 * SILENCE_MS);
  expect([rig.told.splice(0), rig.resting]).toEqual([['chat.a forgotten'], [0, 0]]);
  rig.publish();
  expect(rig.told).toEqual(['chat.a 1']);
});

test('patterns list topics that rest with their positions, and who names one has it at once', () => {
  const rig = rested();
  const { matched } = rig.retain('chat.*');
  expect([...matched].map(([topic, { sequence }]) => [topic, sequence])).toEqual([['chat.a', 2]]);
  expect(rig.retain(TOPIC).position?.sequence).toBe(2);
  expect(rig.resting).toEqual([1, 0]);
  rig.pass(2 * REST_MS);
  expect(rig.resting).toEqual([1, 0]);
  rig.publish();
  expect(rig.told).toEqual(['chat.a 3']);
});

test('nothing is remembered for a pattern that is gone', () => {
  const rig = rested();
  rig.broker.release('chat.*');
  expect(rig.resting).toEqual([0, 0]);
});

test('very many topics that were silent are compared in several turns', () => {
  const rig = new Rig();
  for (let at = 0; at < 5_000; at += 1) rig.broker.retain(`chat.t${at}`, () => {});
  rig.settle();
  rig.clock.advance(SILENCE_MS - 1_000);
  rig.settle();
  rig.heads = 0;
  const turns: number[] = [];
  rig.clock.advance(1_000);
  turns.push(rig.heads);
  for (let turn = 0; turn < 2; turn += 1) {
    rig.clock.advance(100);
    turns.push(rig.heads);
  }
  expect(turns).toEqual([2_000, 4_000, 5_000]);
  expect(rig.broker.isSweeping).toBe(false);
});
