/** `signalbox health` against real nodes, and against what is none. */
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer as createTcpServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { readArguments, UsageError } from '../src/cli/command.ts';
import { health } from '../src/cli/health.ts';
import { signalbox } from './harness/process.ts';
import { startServer } from './harness/server.ts';
import { SECRET } from './harness/tokens.ts';

interface Report {
  readonly healthy: boolean;
  readonly url: string;
  readonly status: number | null;
  readonly answer: unknown;
}

/** The verb in this process: starting one for each question would take longer than all the answers. */
async function run(...args: readonly string[]): Promise<{ readonly code: number; readonly out: string }> {
  const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  try {
    const code = await health.run(readArguments(health, args));
    return { code, out: write.mock.calls.map(([text]) => String(text)).join('') };
  } finally {
    write.mockRestore();
  }
}

async function ask(...args: readonly string[]): Promise<Report & { readonly code: number }> {
  const { code, out } = await run('--json', ...args);
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
    const answer = { ready: true, mode: 'running' };
    const report = { healthy: true, url: `${url}/health/ready`, status: 200, answer };
    expect(await ask('--url', url)).toEqual({ code: 0, ...report });
    const { code, out } = await run('--url', `${url}/`);
    expect([code, out]).toEqual([0, `healthy: ${url}/health/ready answered 200: ${JSON.stringify(answer)}\n`]);
    // The server listens on 0.0.0.0 by default: nobody can ask there.
    const byPort = await signalbox(['health', '--json', '--port', String(port)], { JWT_SECRET: SECRET });
    expect(byPort).toEqual({ code: 0, out: `${JSON.stringify(report)}\n`, err: '' });
  });

  test('looks where the configuration says, with no secret at hand: by PORT, by a file, by --set', async () => {
    const { port, url } = await startServer();
    const file = join(mkdtempSync(join(tmpdir(), 'signalbox-')), 'node.toml');
    writeFileSync(file, `[server]\nhost = "127.0.0.1"\nport = ${port}\n`);
    for (const [args, environment] of [
      [[], { PORT: String(port) }],
      [['--config', file], {}],
      [[], { SIGNALBOX_CONFIG: file }],
      [['--set', `server.port=${port}`], {}],
    ] as const) {
      const { code, out, err } = await signalbox(['health', '--json', ...args], environment);
      expect([code, err, (JSON.parse(out) as Report).url]).toEqual([0, '', `${url}/health/ready`]);
    }
    const any = await signalbox(['health'], { PORT: '0' });
    expect([any.code, any.err]).toEqual([2, expect.stringContaining('expected --url: server.port is 0')]);
  });

  test('W-01: of a node that admits nobody is 1, and --live is still 0', async () => {
    const server = await startServer();
    server.running.node.parts.mode.send({ type: 'REFUSE' });
    const ready = await ask('--url', server.url);
    const live = await ask('--url', server.url, '--live');
    expect((await signalbox(['health', '--url', server.url])).code).toBe(1);
    expect(ready).toMatchObject({ code: 1, healthy: false, status: 503, answer: { ready: false } });
    expect(live).toMatchObject({ code: 0, status: 200, answer: { status: 'alive' } });
  });

  test('of what is no node: nobody there, silence, another server, a redirect', async () => {
    const other = await something((_, response) => response.writeHead(502).end('<h1>Bad gateway</h1>'));
    const moved = await something((_, response) => response.writeHead(302, { location: '/health' }).end());
    const mute = await silence();
    const nobody = await startServer();
    await nobody.stop();
    const refused = await ask('--url', nobody.url);
    const late = await ask('--url', mute, '--timeout', '0.3');
    const wrong = await ask('--url', other);
    const redirected = await ask('--url', moved);
    expect(refused).toMatchObject({ code: 1, healthy: false, status: null });
    expect(refused.answer).toContain('ECONNREFUSED');
    expect(late).toMatchObject({ code: 1, healthy: false, status: null, answer: 'no answer within 0.3 s' });
    expect(wrong).toMatchObject({ code: 1, healthy: false, status: 502, answer: '<h1>Bad gateway</h1>' });
    expect(redirected).toMatchObject({ code: 1, healthy: false, status: 302 });
  });

  test.each([
    { args: ['--url', 'localhost:8081'], says: 'expected --url like http://127.0.0.1:8081, got "localhost:8081"' },
    { args: ['--url', 'http://h', '--timeout', 'soon'], says: 'expected --timeout in seconds' },
  ])('a wrong command line is told: $args', async ({ args, says }) => {
    await expect(run(...args)).rejects.toThrow(says);
    await expect(run(...args)).rejects.toBeInstanceOf(UsageError);
  });
});
