/** The client library over the real core, where a topic says nothing after its log has lost what a reader was to be given. */
import { expect, test } from 'vitest';
import { LibraryClient } from './library-client.ts';
import { nextPayload } from './operations.ts';
import { settle } from './simulate.ts';
import type { SimulatedRedis } from './simulated-redis.ts';
import { VirtualClock } from './virtual-clock.ts';
import { DISTRIBUTED_PARTS, World } from './world.ts';

const TOPIC = 'chat.a';

function worldOf(seed: number): World {
  return new World(seed, DISTRIBUTED_PARTS, null, { hasOwner: false, idempotencyWindowMs: 300_000 });
}

/** Its logs keep what is needed here, and its nodes so little that they ask them for it. */
function fitWorld(): World {
  for (let seed = 1; ; seed += 1) {
    const world = worldOf(seed);
    const { history, mailboxCapacity, ageMs } = world.conditions;
    if (history >= 4 && mailboxCapacity === 1 && ageMs > 60_000) return world;
  }
}

/** Also of what a silent topic says once more: its log has lost the newest messages, and nothing that the reader had. */
test('a silent topic is live again after a failover has lost the messages that its reader was to be given', () => {
  const world = fitWorld();
  world.broker.isHealed = true;
  const clock = new VirtualClock();
  const client = new LibraryClient('reader', 1, world, clock, (environment) => environment);
  const pass = (seconds: number): void => {
    for (let beat = 0; beat < seconds; beat += 1) {
      world.clock.advance(1_000);
      clock.advance(1_000);
      settle(world);
      while (client.deliver()) settle(world);
    }
  };
  const draft = { from: 'bob', clientId: undefined, trace: undefined, idempotencyKey: undefined };
  const publish = (): void => {
    world.broker.publish(TOPIC, { ...draft, payload: JSON.stringify(nextPayload(world)) }, () => {});
    settle(world);
  };
  client.read(TOPIC, 'stored');
  pass(2);
  publish();
  pass(2);
  expect([client.stateOf(TOPIC), client.readers[0]?.last?.sequence]).toEqual(['live', 1]);
  const redis = Reflect.get(world.broker, 'redis') as SimulatedRedis;
  redis.replicate();
  client.client.pause();
  publish();
  publish();
  client.client.resume();
  while (client.stateOf(TOPIC) !== 'catchingUp') {
    world.broker.work(0);
    world.broker.deliverAnswer(0);
    clock.advance(0);
    if (!client.deliver()) world.clock.endTurn();
  }
  redis.failOver();
  pass(60);
  expect(world.found).toBeNull();
  expect([client.stateOf(TOPIC), client.readers[0]?.last?.sequence]).toEqual(['live', 1]);
  void client.client.close();
  expect(clock.pendingTimers).toBe(0);
});
