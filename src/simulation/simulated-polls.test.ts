/** Polls of the real node over a broker that answers late. */
import { expect, test } from 'vitest';
import { settle } from './simulate.ts';
import { SimulatedHttp } from './simulated-http.ts';
import { tokenOf } from './simulated-token.ts';
import { REAL_PARTS, World } from './world.ts';

const WATCH = { sent: () => {}, arrives: () => {} };

/** Its broker answers late, and refuses nothing. */
function lateWorld(): World {
  for (let seed = 1; ; seed += 1) {
    const world = new World(seed, REAL_PARTS, null, { hasOwner: false, idempotencyWindowMs: 300_000 });
    const { isImmediate, refuses } = world.conditions.broker;
    if (!isImmediate && refuses === 0) return world;
  }
}

test('a poll that waits for nothing is told of a loss all the same', () => {
  const world = lateWorld();
  const http = new SimulatedHttp(world, WATCH);
  let text = '';
  const body = JSON.stringify({ topics: [{ topic: 'chat.a', epoch: 'gone', sequence: 3 }], wait_ms: 0 });
  http.post('http://sim/poll', tokenOf({ sub: 'ada' }), body, {
    answered: (status) => expect(status).toBe(200),
    text: (part) => void (text += part),
    ended: () => {},
  });
  http.deliver();
  world.clock.advance(10);
  settle(world);
  http.deliver();
  expect(JSON.parse(text)).toMatchObject({
    gaps: [{ data: { topic: 'chat.a', cause: 'history_lost' } }],
    recovery: { 'chat.a': { recovered: false, reason: 'unknown_epoch' } },
  });
});
