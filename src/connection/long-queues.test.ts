import { describe, expect, test } from 'vitest';
import { TestRig } from './test-rig.ts';
import { flow, run } from './test-rig-client.ts';

const TOPIC = 'chat.a';
const ROOM = { limits: { mailboxCapacity: 5_000, mailboxBytes: 5_000_000 }, tail: 5_000, keep: { messages: 5_000 } };
const LARGE = JSON.stringify('x'.repeat(1_000));

describe('a queue longer than one write', () => {
  test.each([
    ['single messages', { batching: false }],
    ['batches', { batching: true }],
  ])('goes out whole as %s, though nothing is published after it', (_, options) => {
    const rig = new TestRig(ROOM);
    const client = rig.connect('ada', options);
    client.subscribe(TOPIC);
    client.take();
    rig.publishAtOnce(TOPIC, 2_500);
    expect(flow(client.take())).toEqual(run(TOPIC, 1, 2_500));
    rig.publishAtOnce(TOPIC, 600, LARGE);
    expect(flow(client.take())).toEqual(run(TOPIC, 2_501, 3_100));
    expect(rig.unaccounted()).toBe(0);
  });

  test('is written in turns: nobody waits for the rest of a neighbour', () => {
    const rig = new TestRig(ROOM);
    const clients = ['ada', 'bob'].map((user) => rig.connect(user));
    for (const client of clients) {
      client.subscribe(TOPIC);
      client.take();
    }
    const settle = rig.settle.bind(rig);
    rig.settle = () => {};
    rig.publishAtOnce(TOPIC, 100, LARGE);
    rig.clock.endTurn();
    const first = clients.map((client) => flow(client.take()).length);
    expect(first[0]).toBe(first[1]);
    expect(first[0]).toBeGreaterThan(1);
    expect(first[0]).toBeLessThan(50);
    settle();
    for (const [at, client] of clients.entries())
      expect(flow(client.take())).toEqual(run(TOPIC, 1 + Number(first[at]), 100));
  });
});
