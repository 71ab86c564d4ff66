/** A client without a queue: it reads and asks as any other, and says that it does not publish. */
import { expect, onTestFinished, test } from 'vitest';
import { queueOf } from '../queue/index.ts';
import { collect } from '../test-rig.ts';
import { TestServer } from '../testing/index.ts';
import { createReader } from './index.ts';

test('reads a topic over a break, every message once', async () => {
  const server = new TestServer();
  const reader = createReader({ url: 'ws://test/ws', environment: server.environment });
  onTestFinished(() => reader.close());
  const items = collect(reader.topic('a'));
  await server.clock.advance(100);
  server.publish('a', 1);
  await server.clock.advance(100);
  server.cut();
  server.publish('a', 2);
  await server.clock.advance(5_000);
  expect(items).toEqual(['live', '1', '2', 'live']);
  await reader.close();
  expect([server.timers, server.listening]).toEqual([0, 0]);
});

test('publishes nothing, and says so', async () => {
  const server = new TestServer();
  const reader = createReader({ url: 'ws://test/ws', environment: server.environment });
  onTestFinished(() => reader.close());
  await expect(reader.topic('a').publish(1)).rejects.toMatchObject({ reason: 'unsupported' });
  await expect(reader.send('bob', 1)).rejects.toMatchObject({ reason: 'unsupported' });
  expect(() => queueOf(reader)).toThrow('publishes');
});
