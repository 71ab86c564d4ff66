/** Metrics have as many series as their tables say, whatever strangers and clients send. */
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { handshake, request } from '../harness/raw.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

const ROUNDS = 60;

async function seriesOf(server: TestServer): Promise<string[]> {
  const text = await (await server.get('/metrics')).text();
  return text.split('\n').flatMap((line) => /^signalbox_\w+(?:\{[^}]*\})?/.exec(line)?.[0] ?? []);
}

/** Everything that a label could be made of, with values that never come again. */
async function hammer(server: TestServer, round: number): Promise<void> {
  const { port } = server;
  const word = `stray${randomUUID().slice(0, 8)}`;
  const headers = { 'User-Agent': word, Origin: `https://${word}.example`, Authorization: `Bearer ${word}` };
  await request(port, `GET /${word}/${word}`, headers);
  await request(port, `${word.toUpperCase()} /health`, headers);
  await request(port, `GET /admin/${word}`, headers);
  await request(port, `GET /api/topics/${word}/history`, headers);
  await handshake(port, { ...headers, 'Sec-WebSocket-Protocol': word });
  const client = await connect(port, { user: word });
  await client.publish(`chat.${word}`, word);
  await client.ask(`X-${word}`, {});
  await client.ask(word, {});
  await client.ask('Subscribe', { topics: [word, `${word} ${word}`] });
  // Above those of our table: the library takes codes from 4000 on from clients, and counts 3000 to 3999 as none.
  await client.close(4_500 + round);
  await fetch(`${server.url}/api/publish`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await tokenOf(word)}` },
    body: JSON.stringify({ topic: `chat.${word}`, payload: 1, [word]: word }),
  });
  await new Admin(port).get(`/admin/topics?node=${word}`);
}

test(
  'random paths, methods, types, topics, users, reasons and close codes add no series',
  { timeout: 60_000 },
  async () => {
    const server = await startServer({ 'admin.token': ADMIN_TOKEN, 'rate_limiting.enabled': 'false' });
    for (let round = 0; round < 3; round += 1) await hammer(server, round);
    await eventually(async () => server.connections === 0, 'the clients to be gone');
    // The question is a route of its own.
    await seriesOf(server);
    const before = new Set(await seriesOf(server));
    for (let round = 3; round < ROUNDS; round += 1) await hammer(server, round);
    await eventually(async () => server.connections === 0, 'the clients to be gone');
    const added = (await seriesOf(server)).filter((series) => !before.has(series));
    // A limit answers with a reason of the table from here on.
    expect(added.filter((series) => !/reason="rate_limited"|scope=|status="4xx"/.test(series))).toEqual([]);
    expect([...before].filter((series) => series.includes('stray'))).toEqual([]);
  },
);
