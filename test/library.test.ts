/** The server as a library, in the process of somebody else: docs/library.md. */
import { once } from 'node:events';
import { connect as openSocket, createServer } from 'node:net';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { ConfigError, createSignalbox, type ConfigInput, type Signalbox, type SignalboxOptions } from '../src/index.ts';
import { Admin, ADMIN_TOKEN } from './harness/admin.ts';
import { appOf } from './harness/apps.ts';
import { connect, type Connection } from './harness/client.ts';
import { within } from './harness/deadline.ts';
import { freePort } from './harness/free-port.ts';
import { SECRET } from './harness/tokens.ts';

const CONFIG: ConfigInput = {
  server: { host: '127.0.0.1', port: 0, node_name: 'embedded' },
  auth: { jwt_secret: SECRET, query_token: true },
  topics: { subscribe: ['user'], publish: ['user'] },
  logging: { level: 'error' },
  shutdown: { grace_secs: 1, closes_per_second: 1_000_000 },
};
const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP', 'exit', 'unhandledRejection', 'uncaughtException'] as const;

const created: Signalbox[] = [];
afterEach(() => Promise.all(created.splice(0).map((signalbox) => signalbox.stop())));

function create(config: ConfigInput = {}, options: Omit<SignalboxOptions, 'config'> = {}): Signalbox {
  const signalbox = createSignalbox({ config: { ...CONFIG, ...config }, ...options });
  created.push(signalbox);
  return signalbox;
}

function join(signalbox: Signalbox, user: string): Promise<Connection> {
  return connect(Number(new URL(signalbox.url).port), { user });
}

describe('a server in a process of somebody else', () => {
  test('several serve side by side, each its own clients', async () => {
    const [one, other] = [create(), create()];
    await Promise.all([one.start(), other.start()]);
    expect(one.url).not.toBe(other.url);
    expect(one.webSocketUrl).toBe(`${one.url.replace('http:', 'ws:')}/ws`);
    const [alice, bob, stranger] = [await join(one, 'alice'), await join(one, 'bob'), await join(other, 'bob')];
    await Promise.all([bob.subscribe('chat.lobby'), stranger.subscribe('chat.lobby')]);
    await alice.publish('chat.lobby', 'hello', {});
    expect((await bob.next('Broadcast')).data).toMatchObject({ payload: 'hello', from: 'alice' });
    await one.stop();
    expect((await within(alice.closed, 'the end')).code).toBeGreaterThan(1_000);
    expect((await fetch(`${other.url}/health`)).status).toBe(200);
    expect(stranger.frames.filter(({ type }) => type === 'Broadcast')).toEqual([]);
  });

  test('takes nothing of the process, and leaves nothing', async () => {
    const before = SIGNALS.map((name) => process.listenerCount(name));
    const signalbox = create();
    await signalbox.start();
    expect(SIGNALS.map((name) => process.listenerCount(name))).toEqual(before);
    const { url } = signalbox;
    await signalbox.stop();
    expect(await within(signalbox.stopped, 'its end')).toBe('stop');
    await expect(fetch(`${url}/health`)).rejects.toThrow('fetch failed');
  });

  test('ends the connections that clients of HTTP keep', async () => {
    const signalbox = create();
    await signalbox.start();
    const socket = openSocket(Number(new URL(signalbox.url).port), '127.0.0.1');
    const ended = once(socket, 'close');
    socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await within(once(socket, 'data'), 'an answer');
    await signalbox.stop();
    await within(ended, 'the end of the connection', 4_000);
  });

  test('starts and stops once, however often it is told', async () => {
    const signalbox = create();
    expect(() => signalbox.url).toThrow('expected a server that serves: wait for start()');
    await Promise.all([signalbox.start(), signalbox.start()]);
    await Promise.all([signalbox.stop(), signalbox.stop()]);
    await expect(signalbox.start()).rejects.toThrow('create another one');
  });

  test('stopped while it starts, it stops', async () => {
    const signalbox = create();
    const starting = signalbox.start();
    await signalbox.stop();
    await starting;
    await expect(fetch(`${signalbox.url}/health`)).rejects.toThrow('fetch failed');
  });

  test('an operator who drains it is told of by `stopped`', async () => {
    const signalbox = create({ admin: { token: ADMIN_TOKEN, port: 0 } });
    await signalbox.start();
    expect(signalbox.adminUrl).not.toBe(signalbox.url);
    await new Admin(Number(new URL(signalbox.adminUrl).port)).call('POST', '/admin/drain', {});
    expect(await within(signalbox.stopped, 'its end')).toBe('drain');
  });

  test('serves its applications', async () => {
    const greeter = appOf('greeter', (host) => ({
      routes: [
        host.route({
          method: 'GET',
          path: '/api/hello/:name',
          access: 'public',
          summary: 'Greets.',
          handle: ({ parameters }) => ({ body: { hello: parameters['name'] } }),
        }),
      ],
    }));
    const signalbox = create({}, { apps: [greeter] });
    await signalbox.start();
    expect(await (await fetch(`${signalbox.url}/api/hello/alice`)).json()).toEqual({ hello: 'alice' });
  });
});

describe('what cannot be', () => {
  test.each<{ config: ConfigInput; key: string; expected: RegExp }>([
    { config: { auth: {} }, key: 'auth.jwt_secret', expected: /at least 32 bytes/ },
    { config: { server: { port: 99_999 } }, key: 'server.port', expected: /0 to 65535/ },
    { config: { profile: 'staging' as 'production' }, key: 'profile', expected: /production/ },
    {
      config: { server: { workers: 2 }, redis: { url: 'redis://127.0.0.1:1' }, admin: { token: ADMIN_TOKEN, port: 0 } },
      key: 'server.workers',
      expected: /signalbox serve/,
    },
  ])('is a ConfigError that names $key', ({ config, key, expected }) => {
    try {
      createSignalbox({ config: { ...CONFIG, ...config } });
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError);
      expect((error as ConfigError).problems).toEqual([
        { key, expected: expect.stringMatching(expected), got: expect.any(String) },
      ]);
    }
  });

  test('the environment of the process does not count', () => {
    process.env['SIGNALBOX_SERVER_PORT'] = 'eighty';
    onTestFinished(() => void delete process.env['SIGNALBOX_SERVER_PORT']);
    expect(create()).toBeDefined();
  });

  test.each(['server', 'admin'] as const)(
    'a port of %s that is taken is told by start(), and the other is free again',
    async (taken) => {
      const occupant = createServer().listen(0, '127.0.0.1');
      await once(occupant, 'listening');
      onTestFinished(() => void occupant.close());
      const { port } = occupant.address() as { port: number };
      const free = await freePort();
      const ports = taken === 'server' ? { server: port, admin: free } : { server: free, admin: port };
      const signalbox = create({
        server: { ...CONFIG.server, port: ports.server },
        admin: { token: ADMIN_TOKEN, port: ports.admin },
      });
      await expect(signalbox.start()).rejects.toThrow(`cannot listen on 127.0.0.1:${port}`);
      const again = create({ server: { ...CONFIG.server, port: free } });
      await again.start();
      expect(again.url).toBe(`http://127.0.0.1:${free}`);
    },
  );
});
