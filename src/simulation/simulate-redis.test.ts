/** The distributed broker's logic over simulated links: lost messages, broken links, failovers, lost data, clock steps. */
import { describe as suite, expect, test, vi } from 'vitest';
import { FollowedTopic } from '../broker/followed-topic.ts';
import { Interests } from '../broker/interests.ts';
import { TopicTail } from '../broker/topic-tail.ts';
import { AppendQueue } from '../broker/append-queue.ts';
import { RedisBroker } from '../broker/redis.ts';
import type { LogCall } from '../broker/topic-logs.ts';
import { simulateSeed, traceSeed } from './simulate.ts';
import { REDIS_PARTS } from './world.ts';

/** Calls, answers and notices take steps of their own, so worlds with a network need more of them. */
const STEPS = 300;

test('the same seed twice gives the same trace', () => {
  for (let seed = 1; seed <= 20; seed += 1)
    expect(traceSeed(seed, STEPS, undefined, REDIS_PARTS)).toBe(traceSeed(seed, STEPS, undefined, REDIS_PARTS));
});

test('a thousand seeds break no promise', () => {
  for (let seed = 1; seed <= 1_000; seed += 1) {
    const finding = simulateSeed(seed, REDIS_PARTS, STEPS);
    expect(finding?.violation.message, `seed ${seed}`).toBeUndefined();
  }
}, 60_000);

suite('planted bugs are found within a thousand seeds', () => {
  const bugs: Readonly<Record<string, () => void>> = {
    'positions of dead epochs are taken for good': () => {
      vi.spyOn(FollowedTopic.prototype, 'resolve').mockImplementation(({ sequence }) => sequence);
    },
    'an epoch is believed to begin where it does not': () => {
      vi.spyOn(FollowedTopic.prototype, 'divergence').mockImplementation(function (this: FollowedTopic) {
        return this.head + 1;
      });
    },
    'the tail keeps messages that are dead': () => {
      vi.spyOn(TopicTail.prototype, 'cutAt').mockImplementation(() => {});
    },
    'after the link was lost nothing is subscribed anew': () => {
      vi.spyOn(Interests.prototype, 'renew').mockImplementation(() => {});
    },
    'what may have been stored is sent again': () => {
      const inside = AppendQueue.prototype as unknown as { push: (this: unknown, call: LogCall) => void };
      const { push } = inside;
      vi.spyOn(inside, 'push').mockImplementation(function (this: unknown, call: LogCall) {
        push.call(this, call);
        if (call.kind === 'append') push.call(this, { ...call, reply: () => {} });
      });
    },
    'pages lack their first message': () => {
      const inside = RedisBroker.prototype as unknown as {
        read: (this: unknown, ...args: Parameters<RedisBroker['read']>) => void;
      };
      const { read } = inside;
      vi.spyOn(RedisBroker.prototype, 'read').mockImplementation(function (this: RedisBroker, topic, request, reply) {
        read.call(this, topic, request, (answer) =>
          reply('publications' in answer ? { ...answer, publications: answer.publications.slice(1) } : answer),
        );
      });
    },
  };

  for (const [name, plant] of Object.entries(bugs)) {
    test(name, () => {
      plant();
      try {
        expect(foundWithin(1_000)).toBe(true);
      } finally {
        vi.restoreAllMocks();
      }
    });
  }

  function foundWithin(seeds: number): boolean {
    for (let seed = 1; seed <= seeds; seed += 1) if (simulateSeed(seed, REDIS_PARTS, STEPS) !== null) return true;
    return false;
  }
});
