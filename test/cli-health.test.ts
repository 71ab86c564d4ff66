/** `signalbox health` against real nodes, and against what is none. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { signalbox } from './harness/process.ts';
import { startServer } from './harness/server.ts';
import { SECRET } from './harness/tokens.ts';

interface Report {
  readonly healthy: boolean;
  readonly url: string;
  readonly status: number | null;
  readonly answer: unknown;
}

async function ask(...args: readonly string[]): Promise<Report & { readonly code: number | null }> {
  const { code, out, err } = await signalbox(['health', '--json', ...args], { JWT_SECRET: SECRET });
  expect(err).toBe('');
  return { ...(JSON.parse(out) as Report), code };
}

async function something(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Takes connections and never says a word. */
async function silence(): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => sockets.add(socket));
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('health', () => {
  test('of a node that takes connections is exit code 0, also by the port of the configuration', async () => {
    const { port, url } = await startServer();
    const [byUrl, byPort, said] = await Promise.all([
      ask('--url', url),
      ask('--port', String(port)),
      signalbox(['health', '--url', `${url}/`]),
    ]);
    const answer = { ready: true, mode: 'running' };
    expect(byUrl).toEqual({ code: 0, healthy: true, url: `${url}/health/ready`, status: 200, answer });
    // The server listens on 0.0.0.0 by default: nobody can ask there.
    expect(byPort).toEqual(byUrl);
    expect(said).toEqual({
      code: 0,
      out: `healthy: ${url}/health/ready answered 200: {"ready":true,"mode":"running"}\n`,
      err: '',
    });
  });

  test('of a node that admits nobody is 1, and --live is still 0', async () => {
    const server = await startServer();
    server.running.node.parts.mode.send({ type: 'REFUSE' });
    const [ready, live] = await Promise.all([ask('--url', server.url), ask('--url', server.url, '--live')]);
    expect(ready).toMatchObject({ code: 1, healthy: false, status: 503, answer: { ready: false } });
    expect(live).toMatchObject({ code: 0, status: 200, answer: { status: 'alive' } });
  });

  test('of what is no node: nobody there, silence, another server, a redirect', async () => {
    const other = await something((_, response) => response.writeHead(502).end('<h1>Bad gateway</h1>'));
    const moved = await something((_, response) => response.writeHead(302, { location: '/health' }).end());
    const mute = await silence();
    const nobody = await startServer();
    await nobody.stop();
    const [refused, late, wrong, redirected] = await Promise.all([
      ask('--url', nobody.url),
      ask('--url', mute, '--timeout', '0.3'),
      ask('--url', other),
      ask('--url', moved),
    ]);
    expect(refused).toMatchObject({ code: 1, healthy: false, status: null });
    expect(refused.answer).toContain('ECONNREFUSED');
    expect(late).toMatchObject({ code: 1, healthy: false, status: null, answer: 'no answer within 0.3 s' });
    expect(wrong).toMatchObject({ code: 1, healthy: false, status: 502, answer: '<h1>Bad gateway</h1>' });
    expect(redirected).toMatchObject({ code: 1, healthy: false, status: 302 });
  });

  test.each([
    { args: ['--url', 'localhost:8081'], says: 'expected --url like http://127.0.0.1:8081, got "localhost:8081"' },
    { args: ['--url', 'http://h', '--timeout', 'soon'], says: 'expected --timeout in seconds' },
  ])('a wrong command line is 2: $args', async ({ args, says }) => {
    const { code, out, err } = await signalbox(['health', ...args]);
    expect([code, out]).toEqual([2, '']);
    expect(err).toContain(says);
  });
});
