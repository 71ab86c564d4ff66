/** `/` of a development server: the page, its tokens, and who gets them. */
import { createHash } from 'node:crypto';
import { pathToFileURL } from 'node:url';
import { decodeJwt } from 'jose';
import { describe, expect, test } from 'vitest';
import { clientModules } from '../src/http/development-page/client-modules.ts';
import { builtFiles } from './harness/built-server.ts';
import { connect } from './harness/client.ts';
import { request, type Answer } from './harness/raw.ts';
import { RawSocket } from './harness/raw-socket.ts';
import { startServer, type TestServer } from './harness/server.ts';

const DEVELOPMENT = { profile: 'development', 'security.allowed_origins': 'loopback' };

function tokensIn(text: string): Readonly<Record<string, string>> {
  const [, json = ''] = /<script type="application\/json" id="tokens">([^<]*)<\/script>/.exec(text) ?? [];
  return JSON.parse(json) as Record<string, string>;
}

/** With a `Host` of the caller's choice. */
async function pageFor(server: TestServer, host: string, more = ''): Promise<string> {
  const socket = await RawSocket.open(server.port);
  socket.write(`GET / HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`);
  await socket.until(() => socket.text.includes('</html>'), 'the page');
  return socket.text;
}

const page = (server: TestServer): Promise<Answer> => request(server.port, 'GET /', {});

describe('the page of a development server', () => {
  test('is one file that loads the client library, and nothing else may run in it', async () => {
    const { status, headers, text } = await page(await startServer(DEVELOPMENT));
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    for (const path of ['/health', '/metrics', '/openapi.json']) expect(text).toContain(`href="${path}"`);
    expect(text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
    const policy = headers['content-security-policy'] ?? '';
    for (const [, name, body = ''] of text.matchAll(/<(script|style)(?: type="module")?>([\s\S]*?)<\/\1>/g)) {
      const digest = createHash('sha256').update(body).digest('base64');
      expect(policy).toContain(`${name}-src ${name === 'script' ? "'self' " : ''}'sha256-${digest}'`);
    }
    expect(policy).toMatch(/^default-src 'none';.*frame-ancestors 'none'; connect-src 'self' ws:\/\/127\.0\.0\.1 /);
    expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    expect(Object.keys(headers)).not.toContain('access-control-allow-origin');
  });

  test('gives two users a token each, with which pages of any port of this machine connect', async () => {
    const server = await startServer(DEVELOPMENT);
    const tokens = tokensIn((await page(server)).text);
    expect(Object.keys(tokens)).toEqual(['alice', 'bob']);
    const clients = await Promise.all(
      Object.values(tokens).map((token) =>
        connect(server.port, {
          token: null,
          protocols: ['signalbox.json', `access_token.${token}`],
          headers: { origin: 'http://localhost:5500' },
        }),
      ),
    );
    for (const client of clients) await client.subscribe('chat.lobby');
    await clients[0]?.publish('chat.lobby', 'hello');
    expect((await clients[1]?.next('Broadcast'))?.data).toMatchObject({ from: 'alice', payload: 'hello' });
    for (const token of Object.values(tokens)) expect(decodeJwt(token)).toMatchObject({ roles: ['user'] });
  });

  test.each(['localhost', 'localhost:8081', '127.0.0.1:8081', '[::1]:8081'])('under %s has them', async (host) => {
    const text = await pageFor(await startServer(DEVELOPMENT), host);
    expect(Object.keys(tokensIn(text))).toEqual(['alice', 'bob']);
  });

  test.each([
    ['evil.example', ''],
    ['localhost.evil.example:8081', ''],
    ['evil.example:8081', 'X-Forwarded-Host: localhost\r\n'],
    ['localhost', 'X-Forwarded-For: 192.0.2.1\r\n'],
    ['localhost', 'Forwarded: for=192.0.2.1\r\n'],
    ['localhost@evil.example', ''],
  ])('under %s, with %j, gives nobody a token', async (host, more) => {
    const text = await pageFor(await startServer(DEVELOPMENT), host, more);
    expect(tokensIn(text)).toEqual({});
    expect(text).not.toContain('eyJ');
  });
});

test('the client library that it loads is there, as far as it is needed, and nothing else is', async () => {
  const server = await startServer(DEVELOPMENT);
  const scripts = async (path: string): Promise<string> => {
    const { status, headers, text } = await request(server.port, `GET ${path}`, {});
    expect([path, status, headers['content-type']]).toEqual([path, 200, 'text/javascript; charset=utf-8']);
    expect(text).not.toContain('interface ');
    return text;
  };
  const [, entry = ''] = /^export \* from '\.(.+)';\n$/.exec(await scripts('/signalbox.js')) ?? [];
  expect(await scripts(entry)).toContain('createClient');
  for (const path of [
    '/signalbox/client/nothing.js',
    '/signalbox/auth/rights.ts',
    '/signalbox/client/..%2f..%2fmain.ts',
  ])
    expect((await request(server.port, `GET ${path}`, {})).status).toBe(404);
});

test('the modules of a package are those of a checkout, without types', () => {
  const [built, sources] = [
    clientModules(pathToFileURL(`${builtFiles()}/`)),
    clientModules(new URL('../src/', import.meta.url)),
  ];
  expect([built.entry, sources.entry]).toEqual(['client/classic/index.js', 'client/classic/index.ts']);
  const names = (paths: Iterable<string>): string[] => [...paths].map((path) => path.replace(/\.[jt]s$/, '')).sort();
  expect(names(sources.texts.keys())).toEqual(names(built.texts.keys()));
  expect([...sources.texts.values()].join('').length).toBeGreaterThan(50_000);
});

test('production has no such page', async () => {
  const { status, text } = await page(await startServer());
  expect([status, text.includes('not_found'), text.includes('<html')]).toEqual([404, true, false]);
});
