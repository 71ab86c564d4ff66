/** Paths of applications beside `/api/` and `/apps/<name>/`: the first segments that they claim. */
import { expect, test } from 'vitest';
import type { App, AppRoute, Host } from '../../src/index.ts';
import { startServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

const ORIGIN = 'https://app.example';

function placed(name: string, places: readonly `/${string}`[], ...paths: readonly string[]): App {
  return { name, places, start: (host) => ({ routes: paths.map((path) => get(host, path)) }) };
}

function get(host: Host, path: string): AppRoute {
  return host.route({
    method: 'GET',
    path,
    access: 'user',
    summary: `Gives ${path}.`,
    handle: ({ parameters }) => ({ body: { by: host.name, path, ...parameters } }),
  });
}

test('two applications have routes in one place, a literal one before a parameter, in the document and for pages', async () => {
  const { port, url } = await startServer({ 'security.allowed_origins': ORIGIN }, [
    placed('one', ['/people'], '/people', '/people/:id'),
    placed('two', ['/people', '/x.y'], '/people/me', '/x.y/a'),
  ]);
  expect(port).toBeGreaterThan(0);
  const headers = { authorization: `Bearer ${await tokenOf('ada')}`, origin: ORIGIN };
  const ask = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`, { headers })).json();
  expect(await ask('/people')).toEqual({ by: 'one', path: '/people' });
  expect(await ask('/people/7')).toEqual({ by: 'one', path: '/people/:id', id: '7' });
  expect(await ask('/people/me')).toEqual({ by: 'two', path: '/people/me' });
  expect(await ask('/x.y/a')).toMatchObject({ by: 'two' });
  const { paths } = (await (await fetch(`${url}/openapi.json`)).json()) as { paths: Record<string, unknown> };
  expect(Object.keys(paths)).toEqual(expect.arrayContaining(['/people', '/people/{id}', '/people/me', '/x.y/a']));
  const preflight = await fetch(`${url}/people/me`, {
    method: 'OPTIONS',
    headers: { origin: ORIGIN, 'access-control-request-method': 'GET' },
  });
  expect([preflight.status, preflight.headers.get('access-control-allow-origin')]).toEqual([204, ORIGIN]);
});

test('places of the server, places that are no segment, routes outside and one route of two are told together', async () => {
  const starting = startServer({}, [
    placed('one', ['/health', '/metrics', '/admin', '/two/parts', '/:any', '/people'], '/people/:id', '/nowhere'),
    placed('two', ['/people'], '/people/:name', '/apps/two', '/api'),
  ]);
  const text = await starting.then(
    () => 'it started',
    (error: unknown) => String(error),
  );
  for (const expected of [
    'the applications have 9 problems',
    ...['/health', '/metrics', '/admin'].map(
      (place) => `apps.one: expected places that the server does not have itself, got "${place}"`,
    ),
    ...['/two/parts', '/:any'].map((place) => `apps.one: expected places of / and one literal segment, got "${place}"`),
    'apps.two: expected route GET /people/:name for one alone, got /people/:id is that of one too',
    'apps.two: expected routes below /people/ or /api/ or /apps/two/, of literal segments and :name parts, got "/apps/two"',
    'got "/api"',
    'got "/nowhere"',
  ])
    expect(text).toContain(expected);
});
