/** Routes of applications that are open to everybody: a rate by address, and what is left of it. */
import { expect, test } from 'vitest';
import { appOf } from '../harness/apps.ts';
import { eventually } from '../harness/deadline.ts';
import { startServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

const BURST = 4;

test('A-26: a burst of strangers counts down to 429 with a reset that is to come; users are not held up, and later it is 200 again', async () => {
  const open = appOf('open', (host) => ({
    routes: (['public', 'user'] as const).map((access) =>
      host.route({ method: 'GET', path: `/api/${access}`, access, summary: '.', handle: () => ({ body: { access } }) }),
    ),
  }));
  // A token comes back every five seconds.
  const settings = { 'rate_limiting.user_rps': '0.2', 'rate_limiting.user_burst': String(BURST) };
  const server = await startServer(settings, [open]);
  const started = Date.now();
  const burst: Response[] = [];
  for (let at = 0; at < BURST; at += 1) burst.push(await server.get('/api/public'));
  let last = await server.get('/api/public');
  // On a busy machine tokens come back meanwhile.
  while (last.status === 200) last = await server.get('/api/public');
  expect(burst.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  expect(burst.map(({ headers }) => headers.get('x-ratelimit-limit'))).toEqual(['4', '4', '4', '4']);
  expect(burst[0]?.headers.get('x-ratelimit-remaining')).toBe('3');
  const left = burst.map(({ headers }) => Number(headers.get('x-ratelimit-remaining')));
  expect(Math.min(...left)).toBeLessThan(3);
  expect([last.status, last.headers.get('x-ratelimit-remaining')]).toEqual([429, '0']);
  expect(Number(last.headers.get('x-ratelimit-reset')) * 1_000).toBeGreaterThan(started);
  expect(last.headers.get('retry-after')).toMatch(/^\d+$/);
  const authorization = `Bearer ${await tokenOf('ada')}`;
  expect((await server.get('/api/user', { authorization })).status).toBe(200);
  await eventually(async () => (await server.get('/api/public')).status === 200, 'the rate to let strangers in again');
});

test('without rates there are no headers of rates, and what the application says of caches stays', async () => {
  const open = appOf('open', (host) => ({
    routes: [
      host.route({
        method: 'GET',
        path: '/api/public',
        access: 'public',
        summary: '.',
        handle: () => ({ headers: { 'cache-control': 'max-age=60' }, body: 'text' }),
      }),
    ],
  }));
  const { headers } = await (await startServer({ 'rate_limiting.enabled': 'false' }, [open])).get('/api/public');
  expect([headers.get('x-ratelimit-limit'), headers.get('cache-control')]).toEqual([null, 'max-age=60']);
});
