/** `/admin/console` as it is served: when, how, and with what. */
import { existsSync, readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { consoleAssets } from '../src/http/console/assets.ts';
import { ADMIN_TOKEN } from './harness/admin.ts';
import { builtFiles } from './harness/built-server.ts';
import { request } from './harness/raw.ts';
import { RawSocket } from './harness/raw-socket.ts';
import { startServer } from './harness/server.ts';

const ON = { 'admin.token': ADMIN_TOKEN, 'admin.console': 'true' };

describe('the console is there', () => {
  test.each([
    [{ profile: 'development' }, 200],
    [{ profile: 'development', 'admin.console': 'false' }, 404],
    [{}, 404],
    [{ 'admin.console': 'true' }, 200],
  ])('with %j: %i', async (settings: Record<string, string>, status) => {
    const server = await startServer(settings);
    expect((await request(server.port, 'GET /admin/console', {})).status).toBe(status);
  });

  test('on the port of operators and nowhere else', async () => {
    const { running, port } = await startServer({ ...ON, 'admin.port': '0' });
    expect((await request(port, 'GET /admin/console', {})).status).toBe(404);
    const { status, headers, text } = await request(running.adminPort, 'GET /admin/console', {});
    expect(status).toBe(200);
    // The WebSocket of clients is on the other port, and no third place is named.
    expect(text).toContain(`<meta name="socket" content="ws://127.0.0.1:${port}/ws" />`);
    expect(headers['content-security-policy']).toContain(
      `connect-src 'self' ws://127.0.0.1:${port} wss://127.0.0.1:${port};`,
    );
  });
});

test('its policy lets nothing run that is not a file of this server, and nobody frames it', async () => {
  const { port } = await startServer(ON);
  const { headers, text } = await request(port, 'GET /admin/console', {});
  const policy = headers['content-security-policy'] ?? '';
  expect(policy).toMatch(
    /^default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'/,
  );
  expect(policy).not.toMatch(/unsafe|data:|sha256|\*/);
  expect(policy).toContain("frame-ancestors 'none'");
  expect(text).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\bstyle=|\son\w+=|https?:/);
  expect(headers).toMatchObject({ 'x-frame-options': 'DENY', 'x-content-type-options': 'nosniff' });
  expect(Object.keys(headers)).not.toContain('access-control-allow-origin');
});

test('nothing secret is in it: the page and its files are the same for everybody, and without the token', async () => {
  const { port } = await startServer(ON);
  const texts = [...consoleAssets(new URL('../src/', import.meta.url)).values()].map(({ text }) => text);
  texts.push((await request(port, 'GET /admin/console', {})).text);
  for (const text of texts) expect(text).not.toContain(ADMIN_TOKEN);
  expect((await request(port, 'GET /admin/console/..%2f..%2fmain.ts', {})).status).toBe(404);
  expect((await request(port, 'GET /admin/nodes', {})).status).toBe(401);
});

test('a host that is none names no place for a WebSocket', async () => {
  const { port } = await startServer(ON);
  const socket = await RawSocket.open(port);
  socket.write("GET /admin/console HTTP/1.1\r\nHost: x;script-src'unsafe-inline'\r\n\r\n");
  await socket.until(() => socket.text.includes('</html>'), 'the page');
  expect(socket.text).toContain("connect-src 'self';");
  expect(socket.text).toContain('<meta name="socket" content="" />');
});

test('a package has one script in the place of the sources, and all of it is small', () => {
  const [built, sources] = [pathToFileURL(`${builtFiles()}/`), new URL('../src/', import.meta.url)].map(consoleAssets);
  expect([...(built?.keys() ?? [])].toSorted()).toEqual([
    'chart.css',
    'console.css',
    'console.js',
    'icon.svg',
    'uplot.js',
  ]);
  const modules = [...(sources?.entries() ?? [])].filter(([name]) => name.endsWith('.ts'));
  expect(modules.length).toBeGreaterThan(50);
  // Every import is of a file that is there.
  for (const [name, { text }] of modules)
    for (const [, target] of text.matchAll(/\bfrom\s*['"]\.\/([^'"]+)['"]/g))
      expect([name, target, sources?.has(target ?? '')]).toEqual([name, target, true]);
});

test('the library of the charts is the file of its package, whose version is exact', () => {
  const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');
  for (const name of ['uPlot.iife.min.js', 'uPlot.min.css'])
    expect(read(`../src/http/console/vendor/${name}`)).toBe(read(`../node_modules/uplot/dist/${name}`));
  const { devDependencies } = JSON.parse(read('../package.json')) as { devDependencies: Record<string, string> };
  expect(read('../src/http/console/vendor/uPlot.iife.min.js')).toContain(`(v${devDependencies['uplot']})`);
});

test('docs/console.md has a picture of every view in two widths', () => {
  const page = readFileSync(new URL('../docs/console.md', import.meta.url), 'utf8');
  const pictures = [...page.matchAll(/\]\((console\/[\w-]+\.png)\)/g)].map(([, path = '']) => path);
  expect(pictures).toHaveLength(22);
  for (const path of pictures)
    expect([path, existsSync(new URL(`../docs/${path}`, import.meta.url))]).toEqual([path, true]);
});
