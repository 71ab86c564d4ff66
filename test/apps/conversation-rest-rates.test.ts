/** REST of conversations where rates are on, and of one guide alone. */
import { expect, test } from 'vitest';
import { app } from '../../src/apps/conversations/app.ts';
import { pgliteFolder } from '../harness/pglite-folder.ts';
import { startServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

const BURST = 4;

test('A-26: a burst counts down to 429 with a reset that is to come, other users are not held up, and what is turned off is not there', async () => {
  const server = await startServer(
    {
      'database.folder': await pgliteFolder(),
      'database.migrate': 'true',
      'apps.conversations.online': 'false',
      // A token comes back every hundred seconds.
      'rate_limiting.user_rps': '0.01',
      'rate_limiting.user_burst': String(BURST),
      'apps.conversations.rest': 'marketplace',
    },
    [app],
  );
  const started = Date.now();
  const ask = async (user: string, path: string): Promise<Response> =>
    server.get(path, { authorization: `Bearer ${await tokenOf(user)}` });
  const burst: Response[] = [];
  for (let at = 0; at <= BURST; at += 1) burst.push(await ask('ada', '/messaging/conversations'));
  expect(burst.map(({ status }) => status)).toEqual([200, 200, 200, 200, 429]);
  const left = burst.map(({ headers }) => headers.get('x-ratelimit-remaining'));
  expect([left, burst.at(-1)?.headers.get('x-ratelimit-limit')]).toEqual([['3', '2', '1', '0', '0'], '4']);
  expect(Number(burst.at(-1)?.headers.get('x-ratelimit-reset')) * 1_000).toBeGreaterThan(started);
  expect((await burst.at(-1)?.json()) as object).toMatchObject({ error: { reason: 'rate_limited' } });
  const bob = await ask('bob', '/messaging/unread-count');
  expect([bob.status, await bob.json()]).toEqual([200, { success: true, data: { unreadCount: 0, conversations: 0 } }]);
  expect((await ask('bob', '/conversations')).status).toBe(404);
  expect((await server.get('/messaging/conversations')).status).toBe(401);
});
