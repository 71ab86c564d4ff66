/** The client library against the real core, on virtual time: however it goes, it keeps its promise, and planted bugs are found. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterEach, describe as suite, expect, test, vi } from 'vitest';
import { Connection } from '../client/connection.ts';
import { Consumer } from '../client/consumer.ts';
import type { Environment } from '../client/environment.ts';
import { Feed } from '../client/feed.ts';
import { Link } from '../client/link.ts';
import { PublishQueue } from '../client/publish-queue.ts';
import { Place } from '../client/sse/place.ts';
import { Pulse } from '../client/pulse.ts';
import { Stream } from '../client/sse/stream.ts';
import { Tokens } from '../client/tokens.ts';
import { PollAnswer } from '../dialects/poll-answer.ts';
import type { HttpResponse } from '../node/route.ts';
import type { Planted } from './library-client.ts';
import { expectFound } from '../../test/kit/found-by.ts';
import { simulateClients } from './simulate-clients.ts';
import { DISTRIBUTED_PARTS, REAL_PARTS, type Parts } from './world.ts';

/**
 * Calls, answers and notices take steps of their own, so worlds with a network need more of them, and more time.
 * More seeds: ./signalbox simulate --clients --seeds 1..20000.
 */
const BROKERS: Readonly<Record<string, readonly [Parts, number, number]>> = {
  'the embedded broker': [REAL_PARTS, 120, 40],
  'the distributed broker': [DISTRIBUTED_PARTS, 300, 12],
};

afterEach(() => void vi.restoreAllMocks());

for (const [name, [parts, steps, few]] of Object.entries(BROKERS))
  test(`over ${name} the client library breaks no promise`, async () => {
    for (let seed = 1; seed <= few; seed += 1) {
      expect(simulateClients(seed, parts, steps)?.message, `seed ${seed}`).toBeUndefined();
      await nextTurn();
    }
  });

/** A log that lost its newest message, which one reader had and another had not: both numbers are 1. */
test('seed 1994: a reader that is ahead of its topic when the log begins anew is told', () => {
  expect(simulateClients(1_994, DISTRIBUTED_PARTS, 300)?.message).toBeUndefined();
});

/** A stream that begins while the log is away for some of its topics, and no other one serves. */
test('seed 135: topics that a stream may not have at the moment are asked for again', () => {
  expect(simulateClients(135, REAL_PARTS, 120)?.message).toBeUndefined();
});

/** Another stream takes its place before the loss that it was promised has come. */
test('seed 8067: a stream that is replaced before a loss was announced leaves it to the next one', () => {
  expect(simulateClients(8_067, REAL_PARTS, 120)?.message).toBeUndefined();
});

/** Of a poll: it was given up after its topics were refused for a moment; messages and a loss in one answer; senders taken for numbers. */
test.each([333, 1_805, 5_909, 6_765])(
  'seed %i: over polls nothing is lost, and everybody is served in the end',
  (seed) => {
    expect(simulateClients(seed, REAL_PARTS, 120)?.message).toBeUndefined();
  },
);

/** A log that is lost while the answer to a Subscribe waits for another topic. */
test('seed 1533: what was lost before an answer came is not skipped', () => {
  expect(simulateClients(1_533, DISTRIBUTED_PARTS, 300)?.message).toBeUndefined();
});

/** The answer to the first of two requests is not one to the second. */
test('seed 449: a topic that is given up and asked for again within a round trip goes on from its second answer', () => {
  expect(simulateClients(449, DISTRIBUTED_PARTS, 300)?.message).toBeUndefined();
});

/** Runs the real method with something around it. */
function around<T extends object>(
  prototype: T,
  method: keyof T,
  work: (self: T, real: (...args: unknown[]) => unknown, args: unknown[]) => unknown,
): void {
  const real = Reflect.get(prototype, method) as (...args: unknown[]) => unknown;
  const broken = function (this: T, ...args: unknown[]): unknown {
    return work(this, (...given) => Reflect.apply(real, this, given), args);
  };
  vi.spyOn(prototype as Record<string, typeof broken>, String(method)).mockImplementation(broken);
}

interface Bug {
  readonly plant?: () => void;
  readonly environment?: Planted;
}

/** Timers of one length are never taken back. */
function keepsTimer(length: number): Planted {
  return (environment: Environment) => ({
    ...environment,
    after: (ms, work) => {
      const cancel = environment.after(ms, work);
      return ms === length ? () => {} : cancel;
    },
  });
}

const BUGS: Readonly<Record<string, Bug>> = {
  'a position is committed before its message was handled': {
    plant: () =>
      around(Consumer.prototype, 'push', (consumer, real, args) => {
        consumer.done = (args[0] as { readonly position?: Consumer['done'] }).position ?? consumer.done;
        const [item] = args as [{ readonly epoch?: string; readonly sequence?: number }];
        if (item.epoch !== undefined && item.epoch !== '' && item.sequence !== undefined)
          consumer.done = { epoch: item.epoch, sequence: item.sequence };
        consumer.events.committed(consumer);
        return real(...args);
      }),
  },
  'the socket that was replaced stays open': {
    plant: () =>
      around(Link.prototype, 'release', (link) => {
        link.isOpen = false;
      }),
  },
  'what is replayed comes twice': {
    plant: () =>
      around(Consumer.prototype, 'push', (consumer, real, args) => {
        const { position } = consumer;
        const answer = real(...args);
        const [item] = args as [{ readonly replayed?: boolean }];
        if (item.replayed !== true || !consumer.isJoined) return answer;
        consumer.position = position;
        return real(...args);
      }),
  },
  'a gap is swallowed': {
    plant: () =>
      around(Feed.prototype, 'gap', (feed, real, args) => {
        const readers = [...feed.consumers];
        feed.consumers.clear();
        const answer = real(...args);
        for (const reader of readers) feed.consumers.add(reader);
        return answer;
      }),
  },
  'a publish is settled twice': {
    plant: () =>
      around(PublishQueue.prototype, 'publish', (_, real, [type, to, value, options, settle]) =>
        real(type, to, value, options, (...answer: unknown[]) => {
          (settle as (...given: unknown[]) => void)(...answer);
          if (answer[1] !== undefined && (answer[1] as { readonly duplicate: boolean }).duplicate)
            (settle as (...given: unknown[]) => void)(...answer);
        }),
      ),
  },
  'the queue is reordered: a later one does not wait': {
    plant: () =>
      around(PublishQueue.prototype, 'publish', (_, real, [type, to, value, , settle]) =>
        real(type, to, value, { order: 'pipelined' }, settle),
      ),
  },
  'a token that was refused is used again': {
    plant: () => around(Tokens.prototype, 'distrust', () => undefined),
  },
  'a timer is left behind: the beat goes on': {
    plant: () => around(Pulse.prototype, 'stop', () => undefined),
  },
  'a timer is left behind: the queue waits for what is over': {
    environment: (environment) => ({
      ...environment,
      after: (ms, work) => {
        const cancel = environment.after(ms, work);
        return ms > 100_000 ? () => {} : cancel;
      },
    }),
  },
  'the linger goes on although a reader has come back': { environment: keepsTimer(1_000) },
  'a topic is resumed under the wrong epoch': {
    plant: () => {
      const first = new Map<string, string>();
      around(Feed.prototype, 'entry', (feed, real) => {
        const entry = real() as string | { readonly epoch?: string };
        if (typeof entry === 'string' || entry.epoch === undefined) return entry;
        if (!first.has(feed.name)) first.set(feed.name, entry.epoch);
        return { ...entry, epoch: first.get(feed.name) };
      });
    },
  },
  'after a connection was lost nothing is sent again': {
    plant: () => around(PublishQueue.prototype, 'lost', () => undefined),
  },
  'a stream that was replaced stays open': {
    plant: () => around(Stream.prototype, 'cancel', () => undefined),
  },
  'what a stream brings before it takes over is dropped': {
    plant: () => around(Stream.prototype, 'begin', () => undefined),
  },
  'a poll that is not wanted any more goes on': {
    plant: () =>
      around(Place.prototype, 'ask', (_, real, args) => {
        const cancel = real(...args);
        return args[0] === 'poll' ? () => {} : cancel;
      }),
  },
  'an answer to a poll leaves out its last message': {
    plant: () =>
      around(PollAnswer.prototype, 'response' as never, (_, real) => {
        const response = real() as HttpResponse;
        const { items, ...rest } = JSON.parse(String(response.body)) as { readonly items?: readonly object[] };
        return items === undefined
          ? response
          : { ...response, body: JSON.stringify({ items: items.slice(0, -1), ...rest }) };
      }),
  },
  'a connection that ends is not replaced': {
    plant: () => around(Connection.prototype, 'ended', () => undefined),
  },
};

for (const [broker, [parts, steps]] of Object.entries(BROKERS))
  suite(`over ${broker} bugs that are planted in the client are found within a thousand seeds`, () => {
    test.each(Object.entries(BUGS))('%s', { timeout: 60_000 }, async (_, { plant, environment }) => {
      plant?.();
      await expectFound((seed) => simulateClients(seed, parts, steps, environment));
    });
  });
