/** From the broker's log to the sockets a JSON frame is in memory once. */
import { expect, test } from 'vitest';
import { TestRig } from './test-rig.ts';
import { flow, run } from './test-rig-client.ts';

test('the tail of JSON subscribers takes no memory beside the log; one of MessagePack does', () => {
  const rig = new TestRig();
  const client = rig.connect();
  client.subscribe('chat.a');
  client.take();
  rig.publish('chat.a', 500);
  expect(flow(client.take())).toEqual(run('chat.a', 1, 500));
  expect(rig.router.usage().tailBytes).toBe(0);
  const other = rig.connect('bob', { format: 'msgpack' });
  other.subscribe('chat.a');
  other.take();
  rig.publish('chat.a', 500);
  expect(flow(other.take())).toEqual(run('chat.a', 501, 1_000));
  expect(rig.router.usage().tailBytes).toBeGreaterThan(10_000);
});

test('what the log has dropped stays in the tail, whose memory it then is', () => {
  const rig = new TestRig({ keep: { messages: 2 } });
  const client = rig.connect();
  client.subscribe('chat.a');
  client.take();
  client.stop();
  rig.publish('chat.a', 500);
  expect(rig.router.usage().tailBytes).toBeGreaterThan(10_000);
  client.resume();
  // Those after the first came while it lagged.
  expect(flow(client.take()).map((text) => text.replace(' replayed', ''))).toEqual(run('chat.a', 1, 500));
});
