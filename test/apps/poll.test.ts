/** The example of docs/applications.md, run: on one node, on two with Redis, as a library; test/apps/workers.test.ts runs it in workers. */
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { app as poll } from '../../examples/poll/poll.ts';
import { createSignalbox } from '../../src/index.ts';
import { connect, type Connection } from '../harness/client.ts';
import { within } from '../harness/deadline.ts';
import { startRedis, type RedisServer } from '../harness/redis-server.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { SECRET, tokenOf } from '../harness/tokens.ts';

const LUNCH = { poll: 'lunch', question: 'Where to?', options: ['Thai', 'Pizza'] };

async function results(port: number, user = 'reader'): Promise<unknown> {
  const headers = { authorization: `Bearer ${await tokenOf(user)}` };
  const response = await within(fetch(`http://127.0.0.1:${port}/api/polls/lunch`, { headers }), 'the results');
  return response.json();
}

async function detailsOf(client: Connection, type: string, data: unknown): Promise<unknown> {
  const { data: answer } = await client.ask(type, data);
  return answer.details ?? answer.reason;
}

describe('on one node', () => {
  let server: TestServer;

  async function start(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    server = await startServer(settings, [poll]);
  }

  test('a poll is created, voted on once by each, watched live, and read by HTTP', async () => {
    await start();
    const [ada, bob, eve] = await Promise.all(['ada', 'bob', 'eve'].map((user) => connect(server.port, { user })));
    expect(await detailsOf(ada as Connection, 'X-PollCreate', LUNCH)).toEqual({ poll: 'lunch' });
    await (eve as Connection).subscribe('poll.lunch');
    expect(await detailsOf(ada as Connection, 'X-PollVote', { poll: 'lunch', option: 'Thai' })).toEqual({
      counted: true,
    });
    expect(await detailsOf(bob as Connection, 'X-PollVote', { poll: 'lunch', option: 'Pizza' })).toEqual({
      counted: true,
    });
    expect(await detailsOf(bob as Connection, 'X-PollVote', { poll: 'lunch', option: 'Pizza' })).toEqual({
      counted: false,
    });
    expect(await detailsOf(bob as Connection, 'X-PollVote', { poll: 'lunch', option: 'Thai' })).toBe(
      'idempotency_conflict',
    );
    const seen = await (eve as Connection).take(3);
    expect(seen.map(({ data }) => [data.topic, data.from, data.payload])).toEqual([
      // The hook has subscribed everybody to what tells of new polls.
      ['polls', 'poll', { ...LUNCH, by: 'ada' }],
      ['poll.lunch', 'ada', { option: 'Thai' }],
      ['poll.lunch', 'bob', { option: 'Pizza' }],
    ]);
    expect(await results(server.port)).toEqual({
      question: 'Where to?',
      options: LUNCH.options,
      by: 'ada',
      votes: { Thai: 1, Pizza: 1 },
    });
    expect(await server.metric('signalbox_poll_votes_total')).toBe(2);
  });

  test('nobody publishes to its topics, and what is wrong is refused with what was expected', async () => {
    await start({ 'apps.poll.creators': 'host', 'apps.poll.max_options': '2' });
    const guest = await connect(server.port);
    expect(await detailsOf(guest, 'Broadcast', { topic: 'poll.lunch', payload: 1 })).toBe('not_allowed');
    expect(await detailsOf(guest, 'X-PollCreate', LUNCH)).toBe('not_allowed');
    const host = await connect(server.port, { user: 'host', roles: ['user', 'host'] });
    expect((await host.ask('X-PollCreate', { ...LUNCH, options: ['a', 'b', 'c'] })).data).toMatchObject({
      reason: 'invalid_field',
      message: 'data.options: expected at most 2',
    });
    expect((await host.ask('X-PollCreate', { poll: 'x' })).data).toMatchObject({
      reason: 'invalid_field',
      message: expect.stringMatching(/^data\.question: expected string, got nothing$/),
    });
    expect(await detailsOf(guest, 'X-PollVote', { poll: 'none', option: 'x' })).toBe('not_found');
    expect(guest.isClosed).toBe(false);
  });
});

describe('on two nodes that share a Redis', () => {
  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });

  test('both count the same votes, and nobody votes on each', async () => {
    const shared = { 'redis.url': redis.url, 'redis.prefix': 'polls' };
    const [one, two] = await Promise.all(
      ['a', 'b'].map((name) => startServer({ ...shared, 'server.node_name': name }, [poll])),
    );
    const [ada, adaToo] = [
      await connect(one?.port ?? 0, { user: 'ada' }),
      await connect(two?.port ?? 0, { user: 'ada' }),
    ];
    const bob = await connect(two?.port ?? 0, { user: 'bob' });
    await detailsOf(ada, 'X-PollCreate', LUNCH);
    expect(await detailsOf(ada, 'X-PollVote', { poll: 'lunch', option: 'Thai' })).toEqual({ counted: true });
    expect(await detailsOf(adaToo, 'X-PollVote', { poll: 'lunch', option: 'Thai' })).toEqual({ counted: false });
    expect(await detailsOf(bob, 'X-PollVote', { poll: 'lunch', option: 'Thai' })).toEqual({ counted: true });
    const expected = { votes: { Thai: 2, Pizza: 0 } };
    expect(await results(one?.port ?? 0)).toMatchObject(expected);
    expect(await results(two?.port ?? 0)).toMatchObject(expected);
  });
});

describe('as a library', () => {
  test('given as an object, with its section in the configuration', async () => {
    const signalbox = createSignalbox({
      config: {
        server: { host: '127.0.0.1', port: 0 },
        auth: { jwt_secret: SECRET, query_token: true },
        logging: { level: 'error' },
        apps: { poll: { max_options: 2 } },
      },
      apps: [poll],
    });
    await signalbox.start();
    onTestFinished(() => signalbox.stop({ graceMs: 100 }));
    const port = Number(new URL(signalbox.url).port);
    const ada = await connect(port);
    expect(await detailsOf(ada, 'X-PollCreate', LUNCH)).toEqual({ poll: 'lunch' });
    expect(await results(port)).toMatchObject({ votes: { Thai: 0, Pizza: 0 } });
  });

  test('a mistake in its section is thrown where it is made', () => {
    const config = { auth: { jwt_secret: SECRET }, apps: { poll: { max_options: 1 } } };
    expect(() => createSignalbox({ config, apps: [poll] })).toThrow(/apps\.poll\.max_options: expected a whole number/);
  });
});
