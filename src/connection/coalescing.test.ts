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
  test('publications wait for others of their time and arrive together', () => {
    rig.publish(TOPIC);
    rig.settle();
    rig.clock.advance(COALESCE_MS - 1);
    rig.publish(TOPIC);
    rig.settle();
    expect(flow(client.take())).toEqual([]);
    rig.clock.advance(1);
    rig.settle();
    expect(flow(client.take())).toEqual(['chat.a 1', 'chat.a 2']);
  });

  test('nobody waits longer than that after the first', () => {
    for (let at = 0; at < 4; at += 1) {
      rig.publish(TOPIC);
      rig.clock.advance(COALESCE_MS / 2);
      rig.settle();
    }
    expect(flow(client.take())).toEqual(['chat.a 1', 'chat.a 2', 'chat.a 3', 'chat.a 4']);
  });

  test('answers do not wait, and do not take publications along', () => {
    rig.publish(TOPIC);
    expect(client.ask('Ping', { timestamp: 1 }).type).toBe('Pong');
    expect(client.ask('Broadcast', { topic: TOPIC, payload: 2 }).type).toBe('Ack');
    expect(flow(client.take()).filter((each) => each.startsWith('chat'))).toEqual([]);
    rig.clock.advance(COALESCE_MS);
    rig.settle();
    expect(flow(client.take())).toEqual(['chat.a 1', 'chat.a 2']);
  });
});
