/** A provider of the assistant that refuses, is away, or is slow, and a budget that is spent: what doctor says of each, and what is to be done. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { assistant } from '../../src/apps/assistant/app.ts';
import { Condition } from '../../src/apps/assistant/condition.ts';
import { conversations } from '../../src/apps/conversations/app.ts';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { appOf } from '../harness/apps.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { POSTGRESQL, startPostgresql, type PostgresqlServer } from '../harness/postgresql-server.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { named, type Named } from '../harness/symptoms.ts';

const EVENTS = [
  { choices: [{ delta: { content: 'Yes.' } }] },
  { choices: [], usage: { prompt_tokens: 700, completion_tokens: 400 } },
].map((data) => `data: ${JSON.stringify(data)}\n\n`);

/** @param status of each answer, as long as it is asked; 200 is a good one */
async function providerThat(status: { now: number }): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    const isGood = status.now === 200;
    response
      .writeHead(status.now, { 'content-type': isGood ? 'text/event-stream' : 'application/json' })
      .end(isGood ? `${EVENTS.join('')}data: [DONE]\n\n` : '{}');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe.skipIf(POSTGRESQL === null)('the provider of the assistant', () => {
  let postgresql: PostgresqlServer;
  beforeAll(async () => {
    postgresql = await startPostgresql();
  }, 60_000);
  afterAll(() => postgresql.end());

  const serve = async (status: { now: number }): Promise<TestServer> =>
    startServer(
      {
        'admin.token': ADMIN_TOKEN,
        'database.url': await postgresql.database(),
        'database.migrate': 'true',
        'apps.assistant.provider': 'openai',
        'apps.assistant.model': 'm',
        'apps.assistant.base_url': await providerThat(status),
        'apps.assistant.attempts': '1',
        'apps.assistant.breaker_failures': '2',
        'apps.assistant.breaker_open_ms': '600000',
        'apps.assistant.tokens_per_day': '1000',
      },
      [conversations(), assistant()],
    );
  /** Nodes tell each other how they are once in a while, and doctor says what was told. */
  const soon = async (asked: () => Promise<Named>): Promise<Named> => {
    let last: Named | undefined;
    await eventually(async () => {
      last = await asked().catch(() => undefined);
      return last !== undefined;
    }, 'doctor to name the fault');
    if (last === undefined) throw new Error('expected a finding');
    return last;
  };
  let users = 0;
  const asks = async ({ port }: TestServer, times: number): Promise<string> => {
    users += 1;
    const ada = await connect(port, { user: `u${users}` });
    const { id: session } = (await ada.ask('X-AssistantBegin', {})).data.details as { id: string };
    await ada.status('subscribed');
    let last = '';
    for (let left = times; left > 0; left -= 1) {
      const { data, type } = await ada.ask('X-AssistantAsk', { session, content: `Question ${left}` });
      if (type === 'Error') return data.reason;
      const end = await ada.waitFor(
        (frame) => (frame.data.payload as { event?: string } | undefined)?.event === 'answer.end',
        'the end of the answer',
      );
      last = (end.data.payload as { status: string }).status;
    }
    return last;
  };

  test(
    'L-05, L-23: refuses the key, has no such model, has no room, and does not answer',
    { timeout: 120_000 },
    async () => {
      const status = { now: 401 };
      const node = await serve(status);
      const given = { node: node.url, isHere: true };
      expect(await asks(node, 1)).toBe('failed');
      expect((await soon(() => named('assistant-key', given))).cure).toContain('SIGNALBOX_APPS_ASSISTANT_KEY');
      status.now = 404;
      await asks(node, 1);
      expect((await soon(() => named('assistant-model', given))).cure).toContain('apps.assistant.model');
      status.now = 529;
      await asks(node, 1);
      expect((await soon(() => named('assistant-busy', given))).cure).toContain('quota');
      status.now = 503;
      await asks(node, 2);
      expect((await soon(() => named('assistant-away', given))).cure).toContain('apps.assistant.base_url');
      // Nobody is asked while the breaker is open, and the health of the node says so too.
      expect(await (await node.get('/health')).text()).toContain('the provider openai does not answer');
    },
  );

  test('answers, and the tokens of a user are spent', async () => {
    const node = await serve({ now: 200 });
    expect(await asks(node, 2)).toBe('rate_limited');
    const { cure } = await named('assistant-budget', { node: node.url, isHere: true });
    expect(cure).toContain('apps.assistant.tokens_per_day');
  });
});

test('L-06: a provider that is slow is named, one long answer is none, and what is long over is forgotten', async () => {
  let now = 0;
  const condition = new Condition({ elapsed: () => now });
  const provider = { name: 'openai', state: 'closed' as const };
  for (let left = 0; left < 5; left += 1) condition.ended(2, null);
  condition.ended(31, null);
  expect(condition.health(provider)).toEqual({ status: 'healthy' });
  condition.ended(12, null);
  condition.ended(10.5, null);
  const node = await startServer({ 'admin.token': ADMIN_TOKEN }, [
    appOf('assistant', () => ({ health: () => condition.health(provider) })),
  ]);
  expect((await named('assistant-slow', { node: node.url, isHere: true })).cure).toContain('status page');
  now += 300_001;
  expect(condition.health(provider)).toEqual({ status: 'healthy' });
});
