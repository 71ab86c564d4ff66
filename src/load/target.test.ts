import { createServer, type Server } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readRefusal } from './link.ts';
import { findTarget, isLoopback, parseTarget, reachTarget } from './target.ts';

let server: Server;
let port = 0;

beforeAll(async () => {
  server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  port = (server.address() as AddressInfo).port;
});

afterAll(() => {
  server.close();
});

describe('the target', () => {
  test('is looked up once, and is the address that answers', async () => {
    const target = await reachTarget(await findTarget(parseTarget(`ws://localhost:${port}`)));
    expect(target).toEqual({
      url: `ws://localhost:${port}/ws`,
      address: '127.0.0.1',
      port,
      authority: `localhost:${port}`,
      path: '/ws',
      tls: false,
      isLoopback: true,
    });
  });

  test('keeps path and query, and hides a token in what is shown', async () => {
    const target = (await findTarget(parseTarget(`ws://127.0.0.1:${port}/chat/ws?token=abc.def&batch=1`))).target;
    expect(target.path).toBe('/chat/ws?token=abc.def&batch=1');
    expect(target.url).toBe(`ws://127.0.0.1:${port}/chat/ws?token=…&batch=1`);
  });

  test('where nothing listens is said at once', async () => {
    const found = await findTarget(parseTarget('ws://127.0.0.1:1/ws'));
    await expect(reachTarget(found)).rejects.toThrow('nothing listens at 127.0.0.1 port 1');
  });

  test.each(['localhost:8081', 'ftp://a/b', 'ws://', '', 'ws://user:secret@localhost/'])('%j is refused', (text) => {
    expect(() => parseTarget(text)).toThrow(/^expected --url/);
  });

  test('loopback is known by the address', () => {
    expect(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'].every(isLoopback)).toBe(true);
    expect(['10.0.0.1', '192.168.1.1', '::', '2001:db8::1', '128.0.0.1'].some(isLoopback)).toBe(false);
  });
});

describe('what a refused handshake says', () => {
  test.each([
    ['HTTP/1.1 503 Service Unavailable {"error":{"reason":"over_capacity"}}', 'over_capacity', false],
    ['HTTP/1.1 429 Too Many Requests {"error":{"reason":"connection_limit"}}', 'connection_limit', false],
    ['HTTP/1.1 401 Unauthorized {"error":{"reason":"token_expired"}}', 'token_expired', true],
    ['HTTP/1.1 301 Moved Permanently ', 'HTTP 301', true],
    ['HTTP/1.1 404 Not Found nope', 'HTTP 404', true],
  ])('%s', (message, reason, isFinal) => {
    expect(readRefusal(new Error(message))).toEqual({ reason, isFinal });
  });

  test('an error of the network is worth another attempt', () => {
    const error = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
    expect(readRefusal(error)).toEqual({ reason: 'ECONNREFUSED', isFinal: false });
  });
});
