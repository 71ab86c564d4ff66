/** Applications are asked who may connect: they may refuse, subscribe the client, or never answer. */
import { expect, test } from 'vitest';
import { refusal, type Refusal } from '../src/protocol/errors.ts';
import type { ConnectingFacts, ConnectionEvents, Welcome } from '../src/service/connection-events.ts';
import { connect } from './harness/client.ts';
import { eventually } from './harness/deadline.ts';
import { handshake, refusalIn } from './harness/raw.ts';
import { startServer, type TestServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

type Connecting = (facts: ConnectingFacts, reply: (answer: Refusal | Welcome) => void) => void;

async function serverThatAsks(connecting: Connecting): Promise<{ server: TestServer; told: string[] }> {
  const server = await startServer({ 'apps.decision_timeout_ms': '100', 'topics.subscribe': 'user' });
  const told: string[] = [];
  const events: ConnectionEvents = {
    connecting,
    connected: ({ principal }) => void told.push(`${principal.user} connected`),
    subscribed: ({ principal }, topic) => void told.push(`${principal.user} subscribed ${topic}`),
    unsubscribed: () => {},
    disconnected: ({ principal }, code) => void told.push(`${principal.user} disconnected ${code}`),
    published: () => {},
  };
  server.running.node.parts.context.events = events;
  return { server, told };
}

test('a yes may come later and bring subscriptions, and the events of the connection follow in order', async () => {
  const { server, told } = await serverThatAsks(({ principal, address }, reply) => {
    setTimeout(() => reply({ subscribe: [`inbox.${principal.user}`, `from.${address.replaceAll('.', '-')}`] }), 5);
  });
  const client = await connect(server.port);
  const { data } = await client.next('Status');
  expect(data['details']).toMatchObject({ topics: ['inbox.alice', 'from.127-0-0-1'] });
  await client.close(1000);
  await eventually(() => told.length === 4, 'the end to be told');
  expect(told).toEqual([
    'alice connected',
    'alice subscribed inbox.alice',
    'alice subscribed from.127-0-0-1',
    'alice disconnected 1000',
  ]);
});

test('a no is the answer to the handshake', async () => {
  const { server, told } = await serverThatAsks((_, reply) => reply(refusal('not_allowed', 'the account is closed')));
  const answer = await handshake(server.port, { authorization: `Bearer ${await tokenOf('alice')}` });
  expect(refusalIn(answer)).toMatchObject({ reason: 'not_allowed', message: 'the account is closed' });
  expect(told).toEqual([]);
});

test('no answer in time is a refusal for now, and the user takes no place', async () => {
  const { server } = await serverThatAsks(() => {});
  const answer = await handshake(server.port, { authorization: `Bearer ${await tokenOf('alice')}` });
  expect(refusalIn(answer)).toMatchObject({ reason: 'rights_unavailable' });
  expect([answer.status, answer.headers['retry-after'], server.connections]).toEqual([503, '2', 0]);
});

test('a fault of a listener is no decision: refused for now, and one that is only told harms nobody', async () => {
  const fail = (): never => {
    throw new Error('PLANTED');
  };
  const { server } = await serverThatAsks(fail);
  const answer = await handshake(server.port, { authorization: `Bearer ${await tokenOf('alice')}` });
  expect([answer.status, refusalIn(answer).reason, server.connections]).toEqual([503, 'rights_unavailable', 0]);
  const { context } = server.running.node.parts;
  context.events = {
    connecting: null,
    connected: fail,
    subscribed: fail,
    unsubscribed: fail,
    disconnected: fail,
    published: fail,
  };
  const client = await connect(server.port);
  await client.subscribe('chat.a');
  await client.publish('chat.a', 1);
  expect((await client.next('Broadcast')).data.payload).toBe(1);
  await client.close();
  await eventually(() => server.connections === 0, 'the end');
});
