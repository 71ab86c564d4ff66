import { beforeEach, describe, expect, test } from 'vitest';
import { TestRig } from './test-rig.ts';
import { flow, type TestClient } from './test-rig-client.ts';

const TOPIC = 'chat.a';
const COALESCE_MS = 30;

let rig: TestRig;
let client: TestClient;

beforeEach(() => {
  rig = new TestRig({ coalesceMs: COALESCE_MS });
  client = rig.connect();
  client.subscribe(TOPIC);
  client.take();
});

describe('with actor_system.coalesce_ms', () => {
  test('a publication after a while goes out at once, those behind it together', () => {
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(['chat.a 1']);
    rig.clock.advance(1);
    rig.publish(TOPIC);
    rig.clock.advance(COALESCE_MS - 2);
    rig.publish(TOPIC);
    rig.settle();
    expect(flow(client.take())).toEqual([]);
    rig.clock.advance(1);
    rig.settle();
    expect(flow(client.take())).toEqual(['chat.a 2', 'chat.a 3']);
    rig.clock.advance(COALESCE_MS);
    rig.publish(TOPIC);
    expect(flow(client.take())).toEqual(['chat.a 4']);
  });

  test('nobody waits longer than that', () => {
    for (let at = 0; at < 4; at += 1) {
      rig.publish(TOPIC);
      rig.clock.advance(COALESCE_MS / 2);
      rig.settle();
    }
    expect(flow(client.take())).toEqual(['chat.a 1', 'chat.a 2', 'chat.a 3', 'chat.a 4']);
  });

  test('answers do not wait, and do not take publications along', () => {
    rig.publish(TOPIC);
    client.take();
    rig.publish(TOPIC);
    expect(client.ask('Ping', { timestamp: 1 }).type).toBe('Pong');
    expect(client.ask('Broadcast', { topic: TOPIC, payload: 3 }).type).toBe('Ack');
    expect(flow(client.take()).filter((each) => each.startsWith('chat'))).toEqual([]);
    rig.clock.advance(COALESCE_MS);
    rig.settle();
    expect(flow(client.take())).toEqual(['chat.a 2', 'chat.a 3']);
  });

  test('what is published while a node is behind with a round joins it', () => {
    rig = new TestRig({ coalesceMs: 1_000 });
    const clients = Array.from({ length: 40 }, (_, at) => rig.connect(`user${at}`));
    for (const each of clients) {
      each.subscribe(TOPIC);
      each.take();
    }
    // Every write takes a millisecond, so the slice ends before all have had a turn.
    const { clock } = rig;
    const { flusher } = rig.context;
    let worked = 0;
    const [elapsed, flush] = [clock.elapsed.bind(clock), flusher.flush.bind(flusher)];
    clock.elapsed = () => elapsed() + worked;
    flusher.flush = (connection) => {
      worked += 1;
      flush(connection);
    };
    const settle = rig.settle.bind(rig);
    rig.settle = () => clock.endTurn();
    rig.publish(TOPIC);
    rig.publish(TOPIC);
    const got = clients.map((each) => flow(each.take()).length);
    expect(got.filter((count) => count === 1)).toHaveLength(32);
    expect(got.filter((count) => count === 2)).toHaveLength(8);
    rig.settle = settle;
  });
});
