/** `HEAD` (RFC 9110 section 9.3.2): the head of what `GET` answers. A body would be taken for the head of the next answer. */
import { Agent, request } from 'node:http';
import { expect, onTestFinished, test } from 'vitest';
import { within } from './harness/deadline.ts';
import { RawSocket } from './harness/raw-socket.ts';
import { startServer, type TestServer } from './harness/server.ts';

const TOKEN = 'an admin token of at least thirty-two bytes';

/** Every path of the server, with `x` for its parameters, and what is no path. */
function pathsOf({ running }: TestServer): string[] {
  const paths = running.routes.map(({ path }) => path.replaceAll(/:\w+/g, 'x'));
  return [...new Set([...paths, '/ws', '/nothing/here'])];
}

test('every route, 404 and 405: one connection asks HEAD for each of them, and finds the next answer where it begins', async () => {
  const server = await startServer({ 'admin.token': TOKEN, 'auth.failures_per_minute': '1000' });
  const paths = pathsOf(server);
  expect(paths.length).toBeGreaterThan(20);
  const raw = await RawSocket.open(server.port);
  for (const [at, path] of paths.entries()) {
    raw.write(`HEAD ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    await raw.until(() => raw.text.split('\r\n\r\n').length > at + 1, `the answer to HEAD ${path}`);
  }
  raw.write('GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n');
  await raw.until(() => raw.text.endsWith('{"status":"alive"}'), 'the answer to GET');
  const answers = raw.text.split('\r\n\r\n').slice(0, -1);
  for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 \d{3} /);
  expect(answers).toHaveLength(paths.length + 1);
});

test.each(['/health', '/info', '/openapi.json', '/metrics'])('HEAD %s has the head of GET', async (path) => {
  const server = await startServer();
  const [got, head] = [await server.get(path), await within(fetch(`${server.url}${path}`, { method: 'HEAD' }), path)];
  expect(head.status).toBe(200);
  expect(await head.text()).toBe('');
  expect(head.headers.get('content-type')).toBe(got.headers.get('content-type'));
  expect(Number(head.headers.get('content-length'))).toBeGreaterThan(0);
});

test('HEAD where there is no GET is 405 and where there is no path 404, and a keep-alive client goes on', async () => {
  const server = await startServer();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  const ask = (method: string, path: string): Promise<{ status: number; allow: string; text: string }> =>
    within(
      new Promise((resolve, reject) => {
        const asked = request({ host: '127.0.0.1', port: server.port, method, path, agent }, (response) => {
          let text = '';
          response.on('data', (chunk: Buffer) => (text += chunk.toString()));
          response.on('end', () =>
            resolve({ status: response.statusCode ?? 0, allow: response.headers.allow ?? '', text }),
          );
        });
        asked.on('error', reject);
        asked.end();
      }),
      `${method} ${path}`,
    );
  expect(await ask('HEAD', '/api/publish')).toEqual({ status: 405, allow: 'POST, OPTIONS', text: '' });
  expect(await ask('HEAD', '/nothing')).toEqual({ status: 404, allow: '', text: '' });
  expect(await ask('PUT', '/health')).toMatchObject({ status: 405, allow: 'GET, HEAD' });
  expect(await ask('HEAD', '/ws')).toMatchObject({ status: 405, text: '' });
  expect((await ask('GET', '/health/live')).text).toBe('{"status":"alive"}');
});
