/** The distributed broker's logic over simulated links: lost messages, broken links, failovers, lost data, clock steps. */
import { describe as suite, expect, test, vi } from 'vitest';
import { FollowedTopic } from '../broker/followed-topic.ts';
import { Interests } from '../broker/interests.ts';
import { TopicTail } from '../broker/topic-tail.ts';
import { AppendQueue } from '../broker/append-queue.ts';
import { DistributedBroker } from '../broker/distributed.ts';
import type { LogCall } from '../broker/topic-logs.ts';
import { expectFound } from '../../test/kit/found-by.ts';
import { simulateSeed, traceSeed, violationOf } from './simulate.ts';
import { DISTRIBUTED_PARTS } from './world.ts';

/** Calls, answers and notices take steps of their own, so worlds with a network need more of them. */
const STEPS = 300;

test('the same seed twice gives the same trace', () => {
  for (let seed = 1; seed <= 20; seed += 1)
    expect(traceSeed(seed, STEPS, undefined, DISTRIBUTED_PARTS)).toBe(
      traceSeed(seed, STEPS, undefined, DISTRIBUTED_PARTS),
    );
});

test('two hundred seeds break no promise', () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const finding = simulateSeed(seed, DISTRIBUTED_PARTS, STEPS);
    expect(finding?.violation.message, `seed ${seed}`).toBeUndefined();
  }
}, 60_000);

suite('planted bugs are found within a thousand seeds', () => {
  const bugs: Readonly<Record<string, () => void>> = {
    'an epoch is believed to begin where it does not': () => {
      vi.spyOn(FollowedTopic.prototype, 'divergence').mockImplementation(function (this: FollowedTopic) {
        return this.head + 1;
      });
    },
    'positions of dead epochs are taken for good': () => {
      vi.spyOn(FollowedTopic.prototype, 'resolve').mockImplementation(({ sequence }) => sequence);
    },
    'the tail keeps messages that are dead': () => {
      vi.spyOn(TopicTail.prototype, 'cutAt').mockImplementation(() => {});
    },
    'after the link was lost nothing is subscribed anew': () => {
      vi.spyOn(Interests.prototype, 'renew').mockImplementation(() => {});
    },
    'what may have been stored is sent again': () => {
      const inside = AppendQueue.prototype as unknown as { push(call: LogCall): void };
      const push = Reflect.get(inside, 'push');
      vi.spyOn(inside, 'push').mockImplementation(function (this: unknown, call: LogCall) {
        Reflect.apply(push, this, [call]);
        if (call.kind === 'append') Reflect.apply(push, this, [{ ...call, reply: () => {} }]);
      });
    },
    'pages lack their first message': () => {
      const read = Reflect.get(DistributedBroker.prototype, 'read');
      vi.spyOn(DistributedBroker.prototype, 'read').mockImplementation(function (
        this: DistributedBroker,
        topic,
        request,
        reply,
      ) {
        const tampered: typeof reply = (answer) =>
          reply('publications' in answer ? { ...answer, publications: answer.publications.slice(1) } : answer);
        Reflect.apply(read, this, [topic, request, tampered]);
      });
    },
  };

  for (const [name, plant] of Object.entries(bugs)) {
    test(
      name,
      async () => {
        plant();
        try {
          await expectFound((seed) => violationOf(seed, DISTRIBUTED_PARTS, STEPS));
        } finally {
          vi.restoreAllMocks();
        }
      },
      60_000,
    );
  }
});
