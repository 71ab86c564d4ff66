/** Streams of events over real sockets: docs/http-streams.md. */
import { expect, test } from 'vitest';
import { connect } from './harness/client.ts';
import { openStream } from './harness/event-stream.ts';
import { startServer } from './harness/server.ts';

const TOPIC = 'chat.lobby';

test('a stream begins with where it stands, and its publications are the frames of a WebSocket', async () => {
  const server = await startServer();
  const publisher = await connect(server.port, { user: 'publisher' });
  const stream = await openStream(server.port, { query: { topics: TOPIC } });
  expect(await stream.connected()).toMatchObject({ node: 'test-node' });
  const { positions } = await stream.subscribed();
  expect(stream.lastId).toBe(`${positions[TOPIC]?.epoch}:0`);
  await publisher.publish(TOPIC, { text: 'hello' });
  const frame = await stream.next('Broadcast');
  expect(frame.event).toBe('message');
  expect(frame.data).toMatchObject({ topic: TOPIC, sequence: 1, payload: { text: 'hello' } });
  expect(stream.lastId).toBe(`${positions[TOPIC]?.epoch}:1`);
});
