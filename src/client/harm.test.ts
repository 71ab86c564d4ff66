/** Faults of the application around it. */
import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { logEvents } from './debug/index.ts';
import { collect, rig } from './test-rig.ts';
import { TestServer } from './testing/index.ts';

describe('what must not do harm', () => {
  test('listeners that throw are told as errors, and nothing else changes', async () => {
    const { client, server, errors, pass } = rig();
    logEvents(client, () => {
      throw new Error('log');
    });
    client.on('state', () => {
      throw new Error('state');
    });
    client.on('error', () => {
      throw new Error('error');
    });
    client.topic('a').onState(() => {
      throw new Error('topic');
    });
    const items = collect(client.topic('a'));
    await pass(100);
    server.cut();
    await pass(1_000);
    expect([items, client.state.status]).toEqual([['live', 'live'], 'connected']);
    expect(new Set(errors)).toEqual(new Set(['handler_failed']));
  });

  test('a token that is no token is in no message, error or log', async () => {
    const secret = 'secret token';
    const told: unknown[] = [];
    const { client, pass } = rig({
      token: secret,
      environment: {
        ...new TestServer().environment,
        open: (_url, protocols) => {
          throw new SyntaxError(`The subprotocol '${protocols.join()}' is invalid`);
        },
      },
    });
    logEvents(client, (_event, facts) => told.push(facts));
    const error: unknown = await client
      .topic('a')
      .publish(1)
      .catch((problem: unknown) => problem);
    await pass(10);
    expect(error).toMatchObject({ reason: 'invalid_url', cause: undefined });
    expect(inspect([error, told, client.state], { depth: 10 })).not.toContain('secret');
  });

  test('a publish that nobody waits for is no unhandled rejection', async () => {
    const { client, pass } = rig();
    const unhandled: unknown[] = [];
    const listen = (problem: unknown): number => unhandled.push(problem);
    process.on('unhandledRejection', listen);
    onTestFinished(() => void process.off('unhandledRejection', listen));
    void client.topic('a').publish(() => {});
    void client.topic('a').publish('1');
    await client.close();
    await pass(100);
    expect(unhandled).toEqual([]);
  });
});
