/** Web pages that call the API for backends: security.allowed_origins decides, as it does at the handshake. */
import { describe, expect, test } from 'vitest';
import { Backend } from './harness/backend.ts';
import { request } from './harness/raw.ts';
import { startServer, type TestServer } from './harness/server.ts';

const APP = 'https://app.example';
const ORIGINS = { 'security.allowed_origins': `${APP}, https://*.shops.example` };
const ITEM = { topic: 'orders.eu', payload: 1 };

function granted(headers: Headers): string[] {
  return [...headers.keys()].filter((name) => name.startsWith('access-control-'));
}

async function preflight(server: TestServer, origin: string, path = '/api/publish'): Promise<Response> {
  return fetch(`${server.url}${path}`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,idempotency-key',
    },
  });
}

describe('preflight', () => {
  test.each([APP, 'https://a.shops.example', 'https://b.a.shops.example'])(
    'A-05, L-38: of %s is granted, to it alone',
    async (origin) => {
      const server = await startServer(ORIGINS);
      const { status, headers } = await preflight(server, origin);
      expect(status).toBe(204);
      expect(headers.get('access-control-allow-origin')).toBe(origin);
      expect(headers.get('access-control-allow-methods')).toBe('POST');
      for (const name of ['authorization', 'content-type', 'idempotency-key', 'traceparent'])
        expect(headers.get('access-control-allow-headers')?.split(', ')).toContain(name);
      expect(Number(headers.get('access-control-max-age'))).toBeGreaterThan(0);
      expect(headers.get('access-control-allow-credentials')).toBeNull();
      expect(headers.get('vary')?.split(', ')).toEqual([
        'Origin',
        'Access-Control-Request-Method',
        'Access-Control-Request-Headers',
      ]);
    },
  );

  test('of a path to read grants reading', async () => {
    const server = await startServer(ORIGINS);
    for (const path of ['/api/topics/a.b/history', '/api/topics/a.b/position'])
      expect((await preflight(server, APP, path)).headers.get('access-control-allow-methods')).toBe('GET');
  });

  test.each([
    'https://evil.example',
    'https://app.example.evil.example',
    'https://evil-app.example',
    'http://app.example',
    'https://app.example:8443',
    'https://shops.example',
    'https://evil.example/.shops.example',
    'null',
    '*',
  ])('of %s is refused and grants nothing', async (origin) => {
    const server = await startServer(ORIGINS);
    const response = await preflight(server, origin);
    expect([response.status, granted(response.headers)]).toEqual([403, []]);
    expect(response.headers.get('vary')).toContain('Origin');
  });

  test('needs no token and takes none of anybody', async () => {
    const server = await startServer({
      ...ORIGINS,
      'rate_limiting.global_burst': '1',
      'rate_limiting.global_rps': '0.01',
    });
    for (let at = 0; at < 5; at += 1) expect((await preflight(server, APP)).status).toBe(204);
    expect((await (await Backend.on(server)).post(ITEM)).status).toBe(200);
  });

  test('without an origin, OPTIONS says the methods and grants nothing', async () => {
    const server = await startServer(ORIGINS);
    const answer = await request(server.port, 'OPTIONS /api/publish', {});
    expect([answer.status, answer.headers['allow'], answer.text]).toEqual([204, 'POST, OPTIONS', '']);
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'))).toEqual([]);
    expect(answer.headers['content-length']).toBeUndefined();
  });
});

describe('requests', () => {
  test('of an allowed page may be read by it, whatever they come to', async () => {
    const server = await startServer(ORIGINS);
    const page = (await Backend.on(server)).with({ origin: APP });
    const nobody = new Backend(server, { origin: APP });
    for (const [answer, status] of [
      [await page.post(ITEM), 200],
      [await page.post('nonsense'), 400],
      [await page.history('orders.eu'), 200],
      [await page.history('orders.eu', { limit: '0' }), 400],
      [await nobody.post(ITEM), 401],
    ] as const) {
      expect(answer.status).toBe(status);
      expect(answer.headers.get('access-control-allow-origin')).toBe(APP);
      expect(answer.headers.get('access-control-allow-credentials')).toBeNull();
      expect(answer.headers.get('vary')).toBe('Origin');
      for (const name of ['x-ratelimit-limit', 'x-ratelimit-remaining', 'x-ratelimit-reset', 'retry-after', 'link'])
        expect(answer.headers.get('access-control-expose-headers')?.split(', ')).toContain(name);
    }
  });

  test('of another page are refused before anything is done', async () => {
    const server = await startServer(ORIGINS);
    const backend = await Backend.on(server);
    const answer = await backend.with({ origin: 'https://evil.example' }).post(ITEM);
    expect([answer.status, answer.body.error.reason]).toEqual([403, 'origin_not_allowed']);
    expect(granted(answer.headers)).toEqual([]);
    expect(answer.headers.get('vary')).toBe('Origin');
    expect(await server.metric('signalbox_published_total')).toBe(0);
  });

  test('of programs grant nothing and vary all the same', async () => {
    const server = await startServer(ORIGINS);
    const { status, headers } = await (await Backend.on(server)).post(ITEM);
    expect([status, granted(headers), headers.get('vary')]).toEqual([200, [], 'Origin']);
  });

  test('no allowed_origins open the API to no page', async () => {
    const server = await startServer({ 'security.allowed_origins': '' });
    const backend = (await Backend.on(server)).with({ origin: APP });
    expect((await backend.post(ITEM)).status).toBe(403);
    expect((await preflight(server, APP)).status).toBe(403);
  });
});
