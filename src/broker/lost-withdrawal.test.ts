/** A node that the notice of a withdrawal does not reach gives up what it keeps all the same, as soon as it hears anything. */
import { expect, test } from 'vitest';
import { DistributedRig, KEEP, SILENCE_MS } from './test-rig-distributed.ts';
import { layDown } from './record.ts';

const REST_MS = 60_000;
const TOPIC = 'owned.a';

class Rig extends DistributedRig {
  /** Up to where the node was told to give up what it keeps. */
  readonly withdrawn: number[];

  constructor(filter: string) {
    const withdrawn: number[] = [];
    super(REST_MS, { withdrawn: (_topic, upTo) => void withdrawn.push(upTo) });
    this.withdrawn = withdrawn;
    this.broker.retain(filter, () => {});
    this.settle();
    for (const sequence of [1, 2, 3]) this.append(sequence);
    expect(this.held()).toEqual([1, 2, 3]);
  }

  append(sequence: number): void {
    const draft = { payload: '1', from: 'ada', clientId: undefined, trace: undefined };
    this.redis.call(
      {
        kind: 'owner',
        topic: TOPIC,
        retention: KEEP,
        epoch: 'owner',
        sequence,
        timestamp: this.clock.now(),
        record: layDown(draft),
        reply: () => {},
      },
      this,
    )();
    this.settle();
  }

  /** Another node withdraws, and the notice is lost on the way to this one. */
  withdrawUnheard(upTo: number): void {
    this.redis.call({ kind: 'withdraw', topic: TOPIC, upTo, reply: () => {} }, this)();
    this.logs.loseNotice();
    this.settle();
    expect(this.withdrawn).toEqual([]);
  }

  /** What a reader that has nothing is given. */
  held(): (number | undefined)[] {
    const seen: (number | undefined)[] = [];
    const request = { after: { epoch: 'owner', sequence: 0 }, limit: 100, maxBytes: 100_000 };
    this.broker.read(TOPIC, request, (history) => {
      if ('publications' in history) seen.push(...history.publications.map(({ position }) => position?.sequence));
    });
    this.settle();
    return seen;
  }
}

test('the next message says it', () => {
  const rig = new Rig(TOPIC);
  rig.withdrawUnheard(2);
  rig.append(4);
  expect(rig.withdrawn).toEqual([2]);
  expect(rig.held()).toEqual([3, 4]);
});

test('without a next message the comparison of silent topics says it', () => {
  const rig = new Rig(TOPIC);
  rig.withdrawUnheard(3);
  rig.pass(2 * SILENCE_MS);
  expect(rig.withdrawn).toEqual([3]);
  expect(rig.held()).toEqual([]);
});

test('a reader of the log says it', () => {
  const rig = new Rig(TOPIC);
  rig.withdrawUnheard(2);
  rig.broker.read(TOPIC, { after: 'earliest', limit: 10, maxBytes: 1_000 }, () => {});
  rig.settle();
  expect(rig.withdrawn).toEqual([2]);
});

test('a topic that rests is asked about, too', () => {
  const rig = new Rig('owned.*');
  rig.pass(REST_MS + 2_000);
  expect(rig.broker.usage().resting).toBe(1);
  rig.withdrawUnheard(2);
  rig.pass(2 * SILENCE_MS);
  expect(rig.withdrawn).toEqual([2]);
});

test('it is said once, and a log that was lost begins to count anew', () => {
  const rig = new Rig(TOPIC);
  rig.broker.withdraw(TOPIC, 2, () => {});
  rig.settle();
  rig.append(4);
  rig.pass(2 * SILENCE_MS);
  expect(rig.withdrawn.splice(0)).toEqual([2]);
  rig.redis.empty();
  rig.append(5);
  rig.append(6);
  rig.withdrawn.length = 0;
  rig.withdrawUnheard(1);
  rig.append(7);
  expect(rig.withdrawn).toEqual([1]);
});
