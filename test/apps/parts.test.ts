/** Every part of the seam, against a real server: routes in all their forms, hooks, events between nodes, metrics, health, stop. */
import { beforeAll, describe, expect, test } from 'vitest';
import { Validator } from '@seriousme/openapi-schema-validator';
import type { App, Host } from '../../src/index.ts';
import { appOf } from '../harness/apps.ts';
import { connect } from '../harness/client.ts';
import { eventually, within } from '../harness/deadline.ts';
import { startRedis, type RedisServer } from '../harness/redis-server.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { tokenOf } from '../harness/tokens.ts';

const ORIGIN = 'https://app.example';

function files(host: Host): ReturnType<App['start']> {
  const stored = new Map<string, Uint8Array>();
  return {
    routes: [
      host.route({
        method: 'PUT',
        path: '/api/files/:name',
        access: 'user',
        summary: 'Stores a file.',
        body: 'bytes',
        maxBody: 100_000,
        handle: ({ parameters, body, principal }) => {
          stored.set(parameters['name'] ?? '', body);
          return { status: 201, body: { by: principal.user, size: body.byteLength } };
        },
      }),
      host.route({
        method: 'GET',
        path: '/api/files/:name',
        access: 'public',
        summary: 'Gives a file.',
        handle: ({ parameters }) => {
          const body = stored.get(parameters['name'] ?? '');
          return body === undefined ? host.refuse('not_found', 'expected a file that is there') : { body };
        },
      }),
      host.route({
        method: 'PATCH',
        path: '/api/files/:name',
        access: 'service',
        summary: 'Changes a file.',
        body: (z) => z.strictObject({ append: z.string().max(10) }),
        answers: (z) => ({ 200: z.object({ appended: z.string() }) }),
        handle: ({ body }) => ({ body: { appended: body.append } }),
      }),
      host.route({
        method: 'GET',
        path: '/apps/files/stream',
        access: 'public',
        summary: 'Counts.',
        query: (z) => z.object({ to: z.coerce.number().int().min(1).max(1_000_000) }),
        handle: ({ query }) => ({ headers: { 'content-type': 'text/plain' }, body: count(query.to) }),
      }),
    ],
  };
}

const ended: string[] = [];
let made = 0;

async function* count(to: number): AsyncGenerator<string> {
  try {
    for (let at = 1; at <= to; at += 1) {
      if (at % 1_000 === 0) await new Promise((resolve) => setImmediate(resolve));
      made += 1;
      yield `${at}\n`.padEnd(100);
    }
    ended.push('whole');
  } finally {
    ended.push('left');
  }
}

describe('routes', () => {
  let server: TestServer;
  const url = (path: string): string => `${server.url}${path}`;

  async function call(
    method: string,
    path: string,
    options: { roles?: string[]; body?: string | Uint8Array<ArrayBuffer>; headers?: Record<string, string> } = {},
  ) {
    const { roles, body, headers = {} } = options;
    const token = roles === undefined ? {} : { authorization: `Bearer ${await tokenOf('ada', { roles })}` };
    return within(
      fetch(url(path), { method, headers: { ...token, ...headers }, ...(body !== undefined && { body }) }),
      path,
    );
  }

  async function start(settings: Readonly<Record<string, string>> = {}): Promise<void> {
    server = await startServer({ 'security.allowed_origins': ORIGIN, ...settings }, [appOf('files', files)]);
  }

  test('bytes go in and out as they are, and HEAD is GET without them', async () => {
    await start();
    const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => at % 256);
    const stored = await call('PUT', '/api/files/a', { roles: ['user'], body: bytes });
    expect([stored.status, await stored.json()]).toEqual([201, { by: 'ada', size: 70_000 }]);
    const given = await call('GET', '/api/files/a');
    expect(given.headers.get('content-type')).toBe('application/octet-stream');
    expect(Buffer.from(await given.arrayBuffer()).equals(Buffer.from(bytes))).toBe(true);
    const head = await call('HEAD', '/api/files/a');
    expect([head.status, head.headers.get('content-length')]).toEqual([200, '70000']);
    expect((await call('PUT', '/api/files/a', { roles: ['user'], body: new Uint8Array(100_001) })).status).toBe(413);
    expect((await call('GET', '/api/files/none')).status).toBe(404);
  });

  test('who may ask, what must come, and what it costs is checked before the handler', async () => {
    await start();
    expect((await call('PUT', '/api/files/a', { body: 'x' })).status).toBe(401);
    expect((await call('PATCH', '/api/files/a', { roles: ['user'], body: '{}' })).status).toBe(403);
    const wrong = await call('PATCH', '/api/files/a', { roles: ['service'], body: '{"append":"far too long for it"}' });
    expect([wrong.status, await wrong.json()]).toMatchObject([
      400,
      { error: { reason: 'invalid_field', message: expect.stringMatching(/^append: /) } },
    ]);
    const good = await call('PATCH', '/api/files/a', { roles: ['service'], body: '{"append":"x"}' });
    expect([good.status, await good.json(), good.headers.get('x-ratelimit-limit')]).toEqual([
      200,
      { appended: 'x' },
      '1000',
    ]);
    const query = await call('GET', '/apps/files/stream?to=none');
    expect([query.status, await query.json()]).toMatchObject([
      400,
      { error: { message: expect.stringMatching(/^to: /) } },
    ]);
    const strangers = await Promise.all(Array.from({ length: 30 }, () => call('GET', '/api/files/none')));
    expect(new Set(strangers.map(({ status }) => status))).toEqual(new Set([404]));
  });

  test('strangers have a rate by address', async () => {
    await start({ 'rate_limiting.user_rps': '0.01', 'rate_limiting.user_burst': '3' });
    const answers: number[] = [];
    for (let time = 0; time < 5; time += 1) answers.push((await call('GET', '/api/files/none')).status);
    expect(answers.slice(0, 3)).toEqual([404, 404, 404]);
    expect(answers.at(-1)).toBe(429);
  });

  test('pages of allowed origins may call, others may not', async () => {
    await start();
    const preflight = await call('OPTIONS', '/api/files/a', { headers: { origin: ORIGIN } });
    expect(preflight.headers.get('access-control-allow-methods')).toMatch(/PATCH/);
    expect(
      (await call('GET', '/api/files/none', { headers: { origin: ORIGIN } })).headers.get(
        'access-control-allow-origin',
      ),
    ).toBe(ORIGIN);
    expect((await call('GET', '/api/files/none', { headers: { origin: 'https://evil.example' } })).status).toBe(403);
  });

  test('a stream comes whole, and one that is left is told so', async () => {
    await start();
    ended.length = 0;
    const text = await (await call('GET', '/apps/files/stream?to=5000')).text();
    expect(text).toHaveLength(500_000);
    expect(ended).toEqual(['whole', 'left']);
    made = 0;
    const leaving = new AbortController();
    const response = await fetch(url('/apps/files/stream?to=1000000'), { signal: leaving.signal });
    await response.body?.getReader().read();
    // The client does not read on: what the sockets hold is made, and no more.
    await eventually(async () => {
      const before = made;
      await new Promise((resolve) => {
        setTimeout(resolve, 250);
      });
      return made === before;
    }, 'the stream to wait for its client');
    expect(made).toBeLessThan(300_000);
    leaving.abort();
    await eventually(() => Promise.resolve(ended.length === 3), 'the maker of the pieces to be told');
    expect(ended[2]).toBe('left');
  });

  test('are in the OpenAPI document, which stays valid', async () => {
    await start();
    const document = (await (await server.get('/openapi.json')).json()) as {
      paths: Record<string, Record<string, object>>;
    };
    expect(document.paths['/api/files/{name}']?.['patch']).toMatchObject({
      tags: ['files'],
      summary: 'Changes a file.',
      security: [{ service: [] }],
    });
    expect(document.paths['/api/files/{name}']?.['put']).toMatchObject({ security: [{ user: [] }] });
    const { errors, valid } = await new Validator().validate(structuredClone(document));
    expect([valid, errors ?? []]).toEqual([true, []]);
  });
});

describe('hooks', () => {
  test('tell what has happened, of one connection in order, and ask before a client is admitted', async () => {
    const told: string[] = [];
    const listener = appOf('listener', (host) => ({
      hooks: {
        connecting: ({ principal }) =>
          principal.user === 'mallory'
            ? host.refuse('not_allowed', 'expected somebody else')
            : { subscribe: ['news.all'] },
        connected: async ({ principal }) => {
          // Slower than what follows: the order stays.
          await new Promise((resolve) => {
            setTimeout(resolve, 30);
          });
          told.push(`connected ${principal.user}`);
        },
        subscribed: ({ principal }, topic) => void told.push(`subscribed ${principal.user} ${topic}`),
        unsubscribed: ({ principal }, topic) => void told.push(`unsubscribed ${principal.user} ${topic}`),
        disconnected: ({ principal }, code) => void told.push(`disconnected ${principal.user} ${code}`),
        published: (principal, topic, { position }) =>
          void told.push(`published ${principal.user} ${topic} ${position?.sequence ?? 0}`),
      },
    }));
    const server = await startServer({}, [listener]);
    await expect(connect(server.port, { user: 'mallory' })).rejects.toThrow();
    const ada = await connect(server.port, { user: 'ada' });
    await ada.subscribe('chat.a');
    await ada.publish('chat.a', 1);
    await ada.ask('Unsubscribe', { topics: ['chat.a'] });
    await ada.close();
    await eventually(() => Promise.resolve(told.some((line) => line.startsWith('disconnected'))), 'the end');
    const ofAda = told.filter((line) => !line.startsWith('published'));
    expect(ofAda).toEqual([
      'connected ada',
      'subscribed ada news.all',
      'subscribed ada chat.a',
      'unsubscribed ada chat.a',
      expect.stringMatching(/^disconnected ada \d+$/),
    ]);
    expect(told).toContain('published ada chat.a 1');
  });
});

describe('the host', () => {
  test('metrics, health, readiness and stop', async () => {
    let isWell = true;
    let stopped = 0;
    const made = appOf('made', (host) => {
      const things = host.counter('things_total', 'Things.', 'kind');
      host.gauge('size', 'Size.', () => 42);
      host.histogram('wait_seconds', 'Waits.').observe(0.2);
      things.add(2, 'red');
      things.add(1, 'blue');
      expect(() => host.counter('things_total', 'Again.')).toThrow('expected one metric of the name');
      return {
        health: () => ({ status: isWell ? 'healthy' : 'unhealthy', detail: 'the disk', isNeeded: true }),
        stop: () => void (stopped += 1),
      };
    });
    const server = await startServer({}, [made]);
    expect(await server.samples('signalbox_made_things_total')).toEqual([
      { kind: 'red', value: 2 },
      { kind: 'blue', value: 1 },
    ]);
    expect(await server.metric('signalbox_made_size')).toBe(42);
    expect(await (await server.get('/metrics')).text()).toMatch(/signalbox_made_wait_seconds_bucket\{le="0.25"\} 1/);
    expect((await server.get('/health/ready')).status).toBe(200);
    isWell = false;
    const ready = await server.get('/health/ready');
    expect([ready.status, await ready.json()]).toMatchObject([
      503,
      { apps: { made: { status: 'unhealthy', detail: 'the disk' } } },
    ]);
    expect((await server.get('/health')).status).toBe(200);
    await server.stop();
    expect(stopped).toBe(1);
  });

  test('one that does not stop is left behind at the end of the grace time', async () => {
    const stuck = appOf('stuck', () => ({ stop: () => new Promise<void>(() => {}) }));
    const server = await startServer({}, [stuck]);
    await within(server.stop(), 'the stop', 5_000);
  });

  let redis: RedisServer;
  beforeAll(async () => {
    redis = await startRedis();
  });

  test('events, notifications, ends and decisions reach every node', async () => {
    const heard: string[] = [];
    const hosts: Host[] = [];
    const allowed = new Set(['ada', 'bob']);
    const spread = appOf('spread', (host) => {
      hosts.push(host);
      host.on('greeting', (data, { node }) => void heard.push(`${host.node} from ${node}: ${JSON.stringify(data)}`));
      return { topics: [{ pattern: 'room.*', mayAct: (principal) => Promise.resolve(allowed.has(principal.user)) }] };
    });
    const shared = { 'redis.url': redis.url, 'redis.prefix': 'spread' };
    const [one, two] = await Promise.all(
      ['n1', 'n2'].map((name) => startServer({ ...shared, 'server.node_name': name }, [spread])),
    );
    const [host] = hosts as [Host];
    await eventually(async () => {
      host.emit('greeting', 'hello');
      await new Promise((resolve) => {
        setTimeout(resolve, 50);
      });
      return new Set(heard.map((line) => line.split(' ')[0])).size === 2;
    }, 'both to hear it');
    expect(() => host.emit('greeting', 'x'.repeat(70_000))).toThrow('expected JSON of at most 65536 characters');

    const [ada, bob] = [await connect(one?.port ?? 0, { user: 'ada' }), await connect(two?.port ?? 0, { user: 'bob' })];
    expect((await host.notify('bob', 'nudge', { by: 'ada' })).connections).toBe(1);
    expect((await bob.next('SystemNotification')).data).toMatchObject({ code: 'nudge', data: { by: 'ada' } });

    await bob.subscribe('room.a');
    await ada.subscribe('room.a');
    allowed.delete('bob');
    await host.rightsChanged({ user: 'bob' });
    const left = await bob.waitFor(
      ({ type, data }) => type === 'Status' && data.status === 'unsubscribed',
      'the end of a subscription',
    );
    expect(left.data.details).toMatchObject({ topics: ['room.a'] });
    const token = { tenant: '', roles: ['user'], topics: null, tokenId: undefined, issuedAt: 0, expiresAt: Infinity };
    const asked = (user: string, topic: string) => host.mayAct({ ...token, user }, 'subscribe', topic);
    expect(await asked('ada', 'room.a')).toBe(true);
    expect(await asked('bob', 'room.a')).toMatchObject({ reason: 'not_allowed' });
    expect(await asked('ada', 'no topic')).toMatchObject({ reason: 'invalid_topic' });
    await ada.publish('room.a', 1);
    expect((await ada.next('Broadcast')).data.payload).toBe(1);

    expect((await host.disconnect('bob')).connections).toBe(1);
    expect((await within(bob.closed, 'the close')).code).toBe(4009);
    expect((await host.revoke('ada')).connections).toBe(1);
    expect((await within(ada.closed, 'the close')).code).toBeGreaterThan(4_000);
  });

  test('messages: published, direct, read in pages, and refused when they cannot be', async () => {
    const hosts: Host[] = [];
    const server = await startServer({}, [appOf('mail', (host) => (hosts.push(host), {}))]);
    const [host] = hosts as [Host];
    const ada = await connect(server.port, { user: 'ada' });
    await ada.subscribe('box.a', '@me');
    const first = await host.publish('box.a', { payload: { n: 1 }, from: 'robot', idempotencyKey: 'k' });
    expect(await host.publish('box.a', { payload: { n: 1 }, from: 'robot', idempotencyKey: 'k' })).toMatchObject({
      duplicate: true,
    });
    expect((await ada.next('Broadcast')).data).toMatchObject({ from: 'robot', payload: { n: 1 } });
    await host.directMessage('ada', { payload: 'psst' });
    expect((await ada.next('DirectMessage')).data.payload).toBe('psst');
    const page = await host.history('box.a', { limit: 10 });
    expect(page).toMatchObject({ messages: [{ from: 'robot', payload: { n: 1 } }], first: 1, lost: null });
    expect(await host.position('box.a')).toEqual(host.isRefusal(first) ? null : first.position);
    for (const [refused, reason] of [
      [await host.publish('not a topic', { payload: 1 }), 'invalid_topic'],
      [await host.publish('box.a', { payload: 'x'.repeat(100_000) }), 'payload_too_large'],
      [await host.publish('box.a', { payload: 1, tenant: 'a/b' }), 'invalid_field'],
      [await host.publish('box.a', { payload: 1, at: { epoch: 'e', sequence: 1 } }), 'not_allowed'],
    ] as const)
      expect(refused).toMatchObject({ reason });
    expect(() => host.refuse('no_such' as 'internal', 'x')).toThrow('expected a reason of docs/errors.md');
    await expect(host.disconnect('')).rejects.toThrow(RangeError);
  });
});
