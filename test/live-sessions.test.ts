/** A session is found by its id while its connection is open, at the same price however many there are. */
import { expect, test, vi } from 'vitest';
import { Connection } from '../src/connection/connection.ts';
import { connect } from './harness/client.ts';
import { startServer } from './harness/server.ts';

test('asking for a session prints no other connection’s id, and finds only what is there', async () => {
  const server = await startServer();
  const { node } = server.running;
  await Promise.all(Array.from({ length: 20 }, (_, at) => connect(server.port, { user: `user-${at}` })));
  const [first] = node.connections;
  if (first === undefined) throw new Error('nobody is connected');
  const { id, sessionId } = first;
  const printed = vi.spyOn(Connection.prototype, 'id', 'get');
  expect(node.bySession(sessionId)).toBe(first);
  expect(node.bySession(`${sessionId}0`)).toBeUndefined();
  expect(node.bySession('s-other-node-1')).toBeUndefined();
  expect(node.bySession('')).toBeUndefined();
  expect(node.byId(id)).toBe(first);
  expect(node.byId(sessionId)).toBeUndefined();
  expect(printed.mock.calls.length).toBeLessThan(8);
  printed.mockRestore();
});

test('a connection that is over is not found', async () => {
  const server = await startServer();
  const client = await connect(server.port, { user: 'ada' });
  const sessionId = client.connected.session_id;
  expect(server.running.node.bySession(sessionId)).toBeDefined();
  await client.close();
  await vi.waitFor(() => expect(server.connections).toBe(0));
  expect(server.running.node.bySession(sessionId)).toBeUndefined();
});
