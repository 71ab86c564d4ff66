/** Patterns in the client library against real nodes: every topic that matches, none lost, none twice. */
import { expect, test } from 'vitest';
import type { Item } from '../../src/client/index.ts';
import { patternOf, type PatternOptions } from '../../src/client/pattern/index.ts';
import { overHttp } from '../../src/client/sse/index.ts';
import type { Client } from '../../src/client/index.ts';
import { eventually } from '../harness/deadline.ts';
import { Gateway } from '../harness/gateway.ts';
import { startServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';
import { clientOf } from './rig.ts';

const FREE = { 'rate_limiting.enabled': 'false' };

interface Seen {
  /** Payloads by topic. */
  readonly by: Map<string, unknown[]>;
  readonly others: string[];
  readonly stop: () => void;
}

function read(client: Client, options: PatternOptions = {}, slow: () => unknown = () => undefined): Seen {
  const by = new Map<string, unknown[]>();
  const others: string[] = [];
  const take = (item: Item): unknown => {
    if (item.kind === 'message') by.set(item.topic, [...(by.get(item.topic) ?? []), item.payload]);
    else others.push(item.kind === 'gap' ? item.cause : item.kind);
    return slow();
  };
  const error = ({ reason }: { readonly reason: string }): void => void others.push(reason);
  const stop = patternOf(client, 'orders.**').on({ message: take, gap: take, live: take, error }, options);
  return { by, others, stop };
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}

test('topics that are there and topics that are new, over connections that are cut', async () => {
  const server = await startServer(FREE);
  const [alice, bob] = [clientOf(server), clientOf(server, 'bob')];
  await bob.topic('orders.0').publish('before');
  const seen = read(alice);
  await eventually(() => seen.others.includes('live'), 'the pattern to be live');
  for (let at = 0; at < 30; at += 1) {
    for (const name of ['orders.0', 'orders.1.lines', 'other']) await bob.topic(name).publish(at);
    if (at % 10 === 5) for (const connection of server.running.node.connections) connection.transport?.terminate();
  }
  const isDone = (): boolean => ['orders.0', 'orders.1.lines'].every((name) => seen.by.get(name)?.length === 30);
  await eventually(isDone, 'all of both');
  expect([...seen.by]).toEqual([
    ['orders.0', upTo(30)],
    ['orders.1.lines', upTo(30)],
  ]);
  expect(new Set(seen.others)).toEqual(new Set(['live']));
});

test('a reader that comes back begins where it was, another one now, and both share one subscription', async () => {
  const server = await startServer(FREE);
  const [alice, bob] = [clientOf(server), clientOf(server, 'bob')];
  const first = read(alice);
  await eventually(() => first.others.includes('live'), 'the pattern to be live');
  await bob.topic('orders.0').publish(0);
  await eventually(() => first.by.size === 1, 'the first');
  first.stop();
  await bob.topic('orders.0').publish(1);
  const live = read(alice, { since: 'live' });
  await eventually(() => live.others.includes('live'), 'the pattern to be live');
  const again = read(alice);
  await eventually(() => again.by.size === 1, 'what it had missed');
  await bob.topic('orders.0').publish(2);
  await eventually(() => again.by.get('orders.0')?.length === 2 && live.by.size === 1, 'the last one');
  expect([first.by, again.by, live.by].map((by) => by.get('orders.0'))).toEqual([[0], [1, 2], [2]]);
});

test('a handler that is slow loses nothing: the log is the buffer', async () => {
  const server = await startServer(FREE);
  const [alice, bob] = [clientOf(server, 'alice', { buffer: { maxMessages: 20 } }), clientOf(server, 'bob')];
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => {
    release = resolve;
  });
  const seen = read(alice, {}, () => gate);
  await eventually(() => seen.others.includes('live'), 'the pattern to be live');
  await Promise.all(upTo(100).map((at) => bob.topic(`orders.${at % 2}`).publish(at)));
  await eventually(
    () =>
      server.running.node.connections.some(
        ({ subscriptions, principal }) => principal.user === 'alice' && subscriptions.length === 0,
      ),
    'it to leave',
  );
  release();
  await eventually(() => [0, 1].every((at) => seen.by.get(`orders.${at}`)?.length === 50), 'all of both');
  expect(seen.by.get('orders.1')).toEqual(upTo(100).filter((at) => at % 2 === 1));
});

test('a pattern that is not allowed, and one without WebSocket, say so', async () => {
  const server = await startServer(FREE);
  const token = (): Promise<string> => tokenOf('alice', { claims: { topics: { subscribe: ['news.**'] } } });
  const seen = read(clientOf(server, 'alice', { token }));
  await eventually(() => seen.others.length > 0, 'the refusal');
  const gateway = await Gateway.start(() => server.port);
  gateway.upgrades = 'refuse';
  const other = read(clientOf(gateway.port, 'bob', { fallback: overHttp() }));
  await eventually(() => other.others.length > 0, 'the refusal');
  expect([seen.others, other.others]).toEqual([['not_allowed'], ['unsupported']]);
});
