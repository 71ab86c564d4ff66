/** What a scrape says of clients that come: how many, who, how long it took, and whose tokens were known. */
import { expect, test } from 'vitest';
import { connect } from './harness/client.ts';
import { handshake } from './harness/raw.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

/** Samples of the text that Prometheus reads, by name and labels. */
async function scrape(server: TestServer): Promise<ReadonlyMap<string, number>> {
  const text = await (await server.get('/metrics')).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

test('D-43: connections, users, the time of a handshake and remembered tokens are in a scrape, to the unit', async () => {
  const server = await startServer();
  const [ada, bob] = await Promise.all([tokenOf('ada'), tokenOf('bob')]);
  const before = await scrape(server);
  for (const token of [ada, ada, bob]) await connect(server.port, { token });
  await handshake(server.port, { Authorization: 'Bearer no-token' });
  const answer = await server.get('/api/topics/chat.lobby/position', { authorization: `Bearer ${bob}` });
  const after = await scrape(server);
  const grown = (name: string): number => (after.get(name) ?? 0) - (before.get(name) ?? 0);
  expect(answer.status).not.toBe(401);
  expect(grown('signalbox_connections{transport="websocket",format="json"}')).toBe(3);
  expect(grown('signalbox_connections_accepted_total')).toBe(3);
  expect(grown('signalbox_users')).toBe(2);
  expect(grown('signalbox_token_lookups_total{result="hit"}')).toBe(2);
  expect(grown('signalbox_token_lookups_total{result="miss"}')).toBe(3);
  // Of those that were admitted alone.
  expect(grown('signalbox_handshake_seconds_count')).toBe(3);
  expect(grown('signalbox_handshake_seconds_bucket{le="+Inf"}')).toBe(3);
  const seconds = grown('signalbox_handshake_seconds_sum');
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThan(30);
});

test('D-43: the time in which an application is asked is part of the handshake', async () => {
  const server = await startServer({}, [
    {
      name: 'slow',
      start: (host) => ({
        hooks: {
          connecting: async () => {
            await new Promise<void>((resolve) => host.scheduler.after(120, resolve));
          },
        },
      }),
    },
  ]);
  await connect(server.port);
  const after = await scrape(server);
  expect(after.get('signalbox_handshake_seconds_bucket{le="0.1"}')).toBe(0);
  expect(after.get('signalbox_handshake_seconds_count')).toBe(1);
});
