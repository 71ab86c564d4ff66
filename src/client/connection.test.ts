/** When it connects, comes back, gives up and notices that it is dead; on virtual time. */
import { describe, expect, test } from 'vitest';
import { SignalboxError, signedOut } from './errors.ts';
import { collect, rig } from './test-rig.ts';
import { statesOf } from './iterators/index.ts';

describe('coming back', () => {
  test('does nothing before the first topic, and leaves nothing when it is closed', async () => {
    const { client, server, states, pass } = rig();
    await pass(1_000);
    expect([server.sockets.length, client.state.status]).toEqual([0, 'idle']);
    collect(client.topic('a'));
    await pass(1_000);
    expect(states).toEqual(['connecting', 'connected']);
    expect(server.open).toBe(1);
    await client.close();
    await pass(10_000);
    expect([server.open, server.timers, server.listening, client.state.status]).toEqual([0, 0, 0, 'closed']);
  });

  test('resumes where it was: nothing lost, nothing twice', async () => {
    const { client, server, pass } = rig();
    const items = collect(client.topic('a'));
    await pass(10);
    server.publish('a', 'one');
    await pass(10);
    server.cut();
    server.publish('a', 'two');
    server.publish('a', 'three');
    await pass(1_000);
    server.publish('a', 'four');
    await pass(10);
    expect(items).toEqual(['live', 'one', 'two', 'three', 'live', 'four']);
  });

  test('delays are drawn between nothing and a bound that doubles, and begin anew after 30 s of life', async () => {
    let draws = 0;
    const { client, server, pass } = rig({
      server: {
        random: () => {
          draws += 1;
          return 0.999;
        },
      },
    });
    const waits: number[] = [];
    client.on('state', (state) => {
      if (state.status === 'waiting') waits.push(Math.round(state.retryAt - server.clock.now));
    });
    collect(client.topic('a'));
    await pass(10);
    server.away();
    await pass(130_000);
    const expected = [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000].map((ms) =>
      Math.round(ms * 0.999),
    );
    expect(waits.slice(0, 9)).toEqual(expected);
    expect(draws).toBeGreaterThanOrEqual(9);
    server.away(false);
    await pass(60_000);
    expect(client.state.status).toBe('connected');
    server.cut();
    expect(waits.at(-1)).toBe(Math.round(500 * 0.999));
  });

  test('a connection that breaks soon after it was made does not make it hurry', async () => {
    const { client, server, pass } = rig({ server: { random: () => 0.999 } });
    const waits: number[] = [];
    client.on('state', (state) => {
      if (state.status === 'waiting') waits.push(Math.round(state.retryAt - server.clock.now));
    });
    collect(client.topic('a'));
    for (let times = 0; times < 4; times += 1) {
      await pass(10);
      server.cut();
      await pass(8_000);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000].map((ms) => Math.round(ms * 0.999)));
  });

  test.each([
    ['forbidden', 'origin_not_allowed'],
    ['bad_subprotocol', 'bad_handshake'],
  ] as const)('%s ends it, with the reason', async (code, reason) => {
    const { client, server, pass } = rig();
    server.refuse(code, reason);
    const items = collect(client.topic('a'));
    await pass(100_000);
    expect(client.state).toMatchObject({ status: 'closed', error: { reason } });
    expect(items).toEqual([`error ${reason}`]);
    expect([server.sockets.length, server.timers]).toEqual([1, 0]);
  });

  test('what is refused for a time is tried again, also when only a socket error is seen', async () => {
    const { client, server, pass } = rig();
    server.refuse('over_capacity', 'over_capacity', 2);
    server.refuse(1006, 'internal', 2);
    const items = collect(client.topic('a'));
    await pass(30_000);
    expect(items).toEqual(['live']);
    expect(server.sockets.length).toBe(5);
  });

  test('a socket that never says anything is given up', async () => {
    const { client, server, pass } = rig({ server: { latencyMs: 60_000 } });
    collect(client.topic('a'));
    await pass(10_000);
    expect(client.state).toMatchObject({ status: 'waiting', cause: 1006 });
    expect(server.sockets[0]?.isClosed).toBe(true);
  });

  test('a URL that is none is said at once', async () => {
    const { client, pass } = rig({ url: 'nonsense' });
    const items = collect(client.topic('a'));
    await pass(0);
    expect(items).toEqual(['error invalid_url']);
    await expect(client.topic('a').publish(1)).rejects.toMatchObject({ reason: 'invalid_url' });
  });
});

describe('waking up', () => {
  test.each(['visible', 'resume', 'pageshow'] as const)('%s asks a dead socket, and replaces it', async (event) => {
    const { client, server, pass } = rig();
    const items = collect(client.topic('a'));
    await pass(100);
    server.freeze();
    server.publish('a', 'missed');
    server.page(event);
    await pass(6_000);
    expect(items).toEqual(['live', 'missed', 'live']);
    expect(server.frames('Ping')).toEqual([]);
  });

  test('a live socket that is asked stays', async () => {
    const { client, server, states, pass } = rig();
    collect(client.topic('a'));
    await pass(100);
    server.page('visible');
    server.page('online');
    server.page('offline');
    await pass(10_000);
    expect([server.frames('Ping').length, server.sockets.length]).toEqual([1, 1]);
    expect(states).toEqual(['connecting', 'connected']);
  });

  test('silence longer than the heartbeat is noticed without any event', async () => {
    const { client, server, pass } = rig({ server: { heartbeatMs: 20_000 } });
    const items = collect(client.topic('a'));
    await pass(100);
    server.freeze();
    await pass(45_000);
    expect([items, server.sockets.length]).toEqual([['live', 'live'], 2]);
  });

  test('a machine that has slept asks at once, and gets a new token first', async () => {
    const asked: string[] = [];
    const token = ({ reason }: { reason: string }): string => {
      asked.push(reason);
      return 'token';
    };
    const { client, server, pass } = rig({ token, server: { tokenMs: 10_000_000 } });
    collect(client.topic('a'));
    await pass(100);
    server.freeze();
    await server.clock.sleep(3_600_000);
    await pass(6_000);
    expect([server.sockets.length, client.state.status]).toEqual([2, 'connected']);
    expect(asked).toEqual(['connect', 'connect']);
  });

  test('visible does not wait for the back-off; online waits only a moment', async () => {
    const { client, server, pass } = rig();
    collect(client.topic('a'));
    await pass(10);
    server.away();
    await pass(100_000);
    server.away(false);
    expect(client.state.status).toBe('waiting');
    server.page('online');
    await pass(510);
    expect(client.state.status).toBe('connected');
    server.away();
    await pass(100_000);
    server.away(false);
    server.page('visible');
    await pass(10);
    expect(client.state.status).toBe('connected');
  });

  test('a page that goes into the back-forward cache has no socket, and comes back where it was', async () => {
    const { client, server, states, pass } = rig();
    const items = collect(client.topic('a'));
    await pass(10);
    server.page('pagehide');
    await pass(10_000);
    expect([server.open, server.timers, states.at(-1)]).toEqual([0, 0, 'suspended']);
    server.publish('a', 'meanwhile');
    server.page('pageshow');
    await pass(10);
    expect(items).toEqual(['live', 'meanwhile', 'live']);
  });

  test('a hidden page does not come back for ever', async () => {
    const { client, server, pass } = rig();
    collect(client.topic('a'));
    await pass(10);
    server.page('hidden');
    server.away();
    await pass(400_000);
    expect(client.state).toEqual({ status: 'suspended', cause: 'hidden' });
    server.away(false);
    server.page('visible');
    await pass(10);
    expect(client.state.status).toBe('connected');
  });

  test('paused means paused', async () => {
    const { client, server, pass } = rig();
    collect(client.topic('a'));
    await pass(10);
    client.pause();
    server.page('visible');
    await pass(10_000);
    expect([server.open, client.state]).toEqual([0, { status: 'suspended', cause: 'paused' }]);
    client.resume();
    await pass(10);
    expect(client.state.status).toBe('connected');
  });
});

describe('tokens', () => {
  test('A-28: one that ends is replaced before its end, by one call each time, on the same connection', async () => {
    const asked: string[] = [];
    const { client, server, pass } = rig({
      token: async ({ reason }) => {
        asked.push(reason);
        return `token-${asked.length}`;
      },
      server: { tokenMs: 100_000 },
    });
    collect(client.topic('a'));
    await pass(350_000);
    expect(asked).toEqual(['connect', 'expiring', 'expiring', 'expiring', 'expiring']);
    expect(server.frames('Authenticate').map(({ data }) => data['token'])).toEqual([
      'token-2',
      'token-3',
      'token-4',
      'token-5',
    ]);
    expect(server.sockets.map(({ token }) => token)).toEqual(['token-1']);
  });

  test('A-28: one that is still good is used again; one that the server does not take is not', async () => {
    const asked: string[] = [];
    const { client, server, pass } = rig({
      token: ({ reason }) => {
        asked.push(reason);
        return `token-${asked.length}`;
      },
      server: { tokenMs: 1_000_000 },
    });
    collect(client.topic('a'));
    await pass(10);
    server.cut();
    await pass(1_000);
    expect(asked).toEqual(['connect']);
    server.cut(4301);
    await pass(10);
    expect([asked, client.state.status]).toEqual([['connect', 'rejected'], 'connected']);
  });

  test('a second refusal in a row waits', async () => {
    const { client, server, errors, pass } = rig({ token: () => 'token' });
    server.refuse('token_revoked', 'token_revoked', 3);
    collect(client.topic('a'));
    await pass(5);
    expect([server.sockets.length, client.state.status, errors]).toEqual([2, 'waiting', ['token_revoked']]);
    await pass(10_000);
    expect(client.state.status).toBe('connected');
  });

  test.each([
    ['throws', () => Promise.reject(new Error('no network'))],
    [
      'throws at once',
      () => {
        throw new Error('no network');
      },
    ],
    ['returns nothing', () => undefined as unknown as string],
    ['never answers', () => new Promise<string>(() => {})],
  ])('a function that %s is told and asked again', async (_name, token) => {
    const { client, server, errors, pass } = rig({ token });
    collect(client.topic('a'));
    await pass(31_000);
    expect(errors[0]).toBe('token_failed');
    expect([server.sockets.length, client.state.status]).not.toEqual([0, 'closed']);
  });

  test('nobody signed in: it closes and asks nothing more', async () => {
    let asked = 0;
    const { client, server, pass } = rig({
      token: () => {
        asked += 1;
        throw signedOut();
      },
    });
    const items = collect(client.topic('a'));
    await pass(100_000);
    expect([items, asked, server.timers]).toEqual([['error signed_out'], 1, 0]);
  });

  test('an answer that comes too late for its attempt is not used', async () => {
    const answers: ((token: string) => void)[] = [];
    const { client, server, pass } = rig({
      token: () =>
        new Promise((resolve) => {
          answers.push(resolve);
        }),
    });
    collect(client.topic('a'));
    await pass(10);
    client.pause();
    client.resume();
    await pass(10);
    answers[0]?.('old');
    await pass(10);
    expect(server.sockets).toEqual([]);
    answers[1]?.('new');
    await pass(10);
    expect(server.sockets.map(({ token }) => token)).toEqual(['new']);
  });

  test('a fixed one that is refused ends it', async () => {
    const { client, server, pass } = rig({ token: 'fixed' });
    server.refuse('token_expired', 'token_expired');
    collect(client.topic('a'));
    await pass(10_000);
    expect(client.state).toMatchObject({ status: 'closed', error: expect.any(SignalboxError) });
  });
});

test('L-39: states() tells where the connection stands, the newest each time, and ends with it', async () => {
  const { client, server, pass } = rig();
  const seen: string[] = [];
  const reading = (async (): Promise<void> => {
    for await (const { status } of statesOf(client)) seen.push(status);
  })();
  await pass(0);
  client.topic('chat').on({ message: () => {}, gap: () => {} });
  await pass(100);
  server.cut();
  await pass(1);
  await client.close();
  await reading;
  expect([seen.at(0), seen.includes('connected'), seen.includes('waiting'), seen.at(-1)]).toEqual([
    'idle',
    true,
    true,
    'closed',
  ]);
});
