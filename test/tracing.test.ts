/** The message trace on a real node, over real sockets: docs/tracing.md. */
import { expect, test } from 'vitest';
import { traceText, whyText } from '../src/cli/why.ts';
import { traceAnswer, type TraceAnswer } from '../src/http/trace.ts';
import { connect } from './harness/client.ts';
import { startServer, type TestServer } from './harness/server.ts';

function ask({ running: { node } }: TestServer, id: string, user: string | null = null): TraceAnswer {
  return traceAnswer({ connections: node.connections, context: node.parts.context }, id, user);
}

test('topics of the configuration are traced from the start, with the limits of the configuration', async () => {
  const server = await startServer({ 'trace.topics': 'chat.**, acme/*x', 'trace.messages': '7' }).catch(
    (error: unknown) => error,
  );
  expect(String(server)).toContain('trace.topics');
  const good = await startServer({ 'trace.topics': 'chat.**', 'trace.messages': '7', 'trace.recipients': '1' });
  const [alice, bob] = [await connect(good.port, { user: 'alice' }), await connect(good.port, { user: 'bob' })];
  for (const client of [alice, bob]) await client.subscribe('chat.lobby');
  const { id } = (await alice.publish('chat.lobby', 'hello')).data;
  await Promise.all([alice.take(1), bob.take(1)]);
  const { message } = ask(good, id);
  expect(message).toMatchObject({ from: 'alice', subscriptions: 2, others: { written: 1 } });
  expect(message?.recipients).toHaveLength(1);
  expect(good.running.node.parts.context.router.tracing.usage).toEqual({ kept: 1, messages: 7, recipients: 1 });
});

test('a topic is traced from the moment an operator asks for it', async () => {
  const server = await startServer();
  const { tracing } = server.running.node.parts.context.router;
  const [alice, bob] = [await connect(server.port, { user: 'alice' }), await connect(server.port, { user: 'bob' })];
  await bob.subscribe('chat.lobby');
  const before = (await alice.publish('chat.lobby', 1)).data['id'];
  expect(whyText(ask(server, before, 'bob'))).toContain('tracing is off for chat.lobby');
  tracing.enable('chat.*', null);
  const id = (await alice.publish('chat.lobby', 2)).data['id'];
  await bob.take(2);
  expect(whyText(ask(server, id, 'bob'))).toMatch(
    /^bob got it on connection test-node-\S+ at \S+Z, \d+ ms after it was published\.$/,
  );
  expect(whyText(ask(server, id, 'alice'))).toMatch(
    /^alice has no subscription that matches chat\.lobby \(connection \S+\)\.$/,
  );
  const text = traceText(ask(server, id));
  for (const stage of ['received', 'validated', 'stored', 'routed', 'queued', 'delivered'])
    expect(text).toMatch(new RegExp(`^${stage} +20`, 'm'));
});
