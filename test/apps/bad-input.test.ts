/** Applications that are wrong: at start nothing runs and everything is said at once; later nobody but the caller notices. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import type { App, Host, Parts } from '../../src/index.ts';
import { appOf } from '../harness/apps.ts';
import { connect } from '../harness/client.ts';
import { within } from '../harness/deadline.ts';
import { signalbox, spawnServer } from '../harness/process.ts';
import { handshake, refusalIn } from '../harness/raw.ts';
import { freePort } from '../harness/free-port.ts';
import { startServer, type TestServer } from '../harness/server.ts';
import { SECRET, tokenOf } from '../harness/tokens.ts';

const directory = mkdtempSync(join(tmpdir(), 'signalbox-apps-'));
afterAll(() => rmSync(directory, { recursive: true }));

function module(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

const frame = (host: Host): Parts['frames'] => ({ 'X-Do': host.frame({ handle: () => undefined }) });

async function problemsOf(settings: Readonly<Record<string, string>>, apps: readonly App[]): Promise<string> {
  const starting = startServer(settings, apps);
  return starting.then(
    () => 'it started',
    (error: unknown) => String(error),
  );
}

describe('at start', () => {
  test('a module that cannot be loaded, one without an app, a wrong section and a key of nobody are told together', async () => {
    const modules = [
      module('broken.ts', 'export const app = ;'),
      module('other.ts', "export const application = { name: 'other' };"),
      module(
        'good.ts',
        "export const app = { name: 'good', settings: (z) => z.strictObject({ size: z.int() }), start: () => ({}) };",
      ),
    ];
    const file = module(
      'apps.toml',
      `[apps]\nmodules = ["./missing.ts", ${modules.map((path) => JSON.stringify(path)).join(', ')}]\n[apps.good]\nsize = "large"\nsiez = 1\n[apps.nobody]\nkey = 1\n`,
    );
    const { code, err } = await signalbox(['check-config', '--config', file], {
      JWT_SECRET: SECRET,
      SIGNALBOX_APPS_GOOD_COLOUR: 'red',
    });
    expect(code).toBe(2);
    expect(err).toMatch(/expected a module that can be loaded: .*missing\.ts/);
    expect(err).toMatch(/expected a module that can be loaded: .*broken\.ts/);
    expect(err).toMatch(/expected a named export "app" of .*other\.ts, got a module with application/);
    expect(err).toContain('apps.good.size: expected a whole number');
    expect(err).toContain('apps.good.siez: expected a known key (did you mean apps.good.size?), got an unknown one');
    expect(err).toContain('apps.nobody: expected the section of an application that runs (good)');
    expect(err).toContain('SIGNALBOX_APPS_GOOD_COLOUR: expected a key of the application good');
  });

  test('a module that is no erasable TypeScript is told with the line, and what to write instead', async () => {
    const path = module(
      'enum.ts',
      "\nenum Kind { A }\nexport const app = { name: 'kinds', kind: Kind.A, start: () => ({}) };",
    );
    const { err } = await signalbox(['check-config', '--set', `apps.modules=${path}`], { JWT_SECRET: SECRET });
    expect(err).toMatch(/got SyntaxError: .* \(.*enum\.ts:2\); types are stripped .* "erasableSyntaxOnly"/);
    const folder = mkdtempSync(join(directory, 'package-'));
    mkdirSync(join(folder, 'node_modules/signalbox'), { recursive: true });
    writeFileSync(join(folder, 'node_modules/signalbox/package.json'), '{"type":"module","exports":"./index.js"}');
    writeFileSync(join(folder, 'node_modules/signalbox/index.js'), 'export const createSignalbox = 1;');
    writeFileSync(
      join(folder, 'value.ts'),
      "import { App } from 'signalbox';\nexport const app: App = { name: 'value', start: () => ({}) };",
    );
    const beside = await signalbox(['check-config', '--set', `apps.modules=${join(folder, 'value.ts')}`], {
      JWT_SECRET: SECRET,
    });
    expect(beside.err).toMatch(/value\.ts:1\); types are imported with: import type \{ App \} from 'signalbox'/);
  });

  test('a file that is named like a package, and a verb without its server, say what to do', async () => {
    const bare = await signalbox(['check-config', '--set', 'apps.modules=queue.ts'], { JWT_SECRET: SECRET });
    expect(bare.err).toContain("Cannot find package 'queue.ts'");
    expect(bare.err).toContain('; a file is named by a path that begins with ./ or /');
    const poll = fileURLToPath(new URL('../../examples/poll/poll.ts', import.meta.url));
    const words = [
      'poll',
      'results',
      'lunch',
      '--set',
      `apps.modules=${poll}`,
      '--url',
      `http://127.0.0.1:${await freePort()}`,
    ];
    const { code, err } = await signalbox(words, { JWT_SECRET: SECRET });
    expect([code, err]).toEqual([
      1,
      expect.stringMatching(/expected a server at http:\/\/127\.0\.0\.1:\d+, got: .*ECONNREFUSED/),
    ]);
  });

  test('a key of the command line that nobody has is told with the nearest one and the applications that run', async () => {
    const path = module(
      'queue.ts',
      "export const app = { name: 'queue', settings: (z) => z.strictObject({ max_open: z.int().default(1) }), start: () => ({}) };",
    );
    const sets = [`apps.modules=${path}`, 'apps.queue.max_opne=2'].flatMap((assignment) => ['--set', assignment]);
    const { err } = await signalbox(['check-config', ...sets], { JWT_SECRET: SECRET });
    expect(err).toContain(
      'apps.queue.max_opne: expected a key of an application that runs (queue) (did you mean apps.queue.max_open?), got an unknown one',
    );
  });

  test('parts and hooks of names that nobody calls are refused', async () => {
    const odd = appOf('odd', () => ({ frame: {}, hooks: { disconnect: () => undefined } }) as Parts);
    const text = await problemsOf({}, [odd]);
    expect(text).toContain(
      'apps.odd: expected parts of frames, routes, topics, hooks, callers, socketio, dialects, deadLetters, stages, health, offers, stop, got "frame"',
    );
    expect(text).toMatch(/apps\.odd: expected hooks of atOnce, connecting, .*published, got "disconnect"/);
  });

  test('one that throws stops the server, with its name and the reason; so does one that gives nothing', async () => {
    const path = module(
      'throws.ts',
      "export const app = { name: 'thrower', start: () => { throw new Error('no disk'); } };",
    );
    const server = spawnServer(['--set', `apps.modules=${path}`], { JWT_SECRET: SECRET });
    expect(await within(server.exited, 'the end')).toBe(1);
    expect(server.errors).toContain('apps.thrower: expected an application that starts, got Error: no disk');
    const nothing = appOf('nothing', () => undefined as unknown as Parts);
    expect(await problemsOf({}, [nothing])).toContain('apps.nothing: expected start to give an object with parts');
  });

  test('what two applications claim is refused, all of it at once, and what has started is stopped', async () => {
    let stopped = 0;
    const one = appOf('one', (host) => ({
      frames: frame(host) ?? {},
      topics: [{ pattern: 'room.*' }, { pattern: 'not a topic' }],
      routes: [
        host.route({ method: 'GET', path: '/api/things/:id', access: 'public', summary: '.', handle: () => ({}) }),
      ],
      stop: () => {
        stopped += 1;
      },
    }));
    const two = appOf('two', (host) => ({
      frames: { ...frame(host), 'Y-Do': host.frame({ handle: () => undefined }) } as Parts['frames'] & object,
      topics: [{ pattern: 'room.lobby' }],
      routes: [
        host.route({ method: 'GET', path: '/api/things/:name', access: 'public', summary: '.', handle: () => ({}) }),
        host.route({ method: 'POST', path: '/api/publish', access: 'public', summary: '.', handle: () => ({}) }),
        host.route({ method: 'GET', path: '/elsewhere', access: 'public', summary: '.', handle: () => ({}) }),
      ],
    }));
    const text = await problemsOf({}, [one, two]);
    for (const expected of [
      'the applications have 7 problems',
      'apps.two: expected frame type X-Do for one application, got it is that of one too',
      'apps.two: expected frame types of X- and letters, digits and -, perhaps with * behind the last -, got "Y-Do"',
      'apps.two: expected route GET /api/things/:name for one alone, got /api/things/:id is that of one too',
      'apps.two: expected route POST /api/publish for one alone, got /api/publish is that of the server too',
      'apps.two: expected routes below /api/ or /apps/two/, of literal segments and :name parts, got "/elsewhere"',
      'apps.one: expected topics by a name, or a pattern with a literal first segment, got "not a topic"',
      'apps.two: expected topics room.lobby for one owner, got room.* of one has topics in common with it',
    ])
      expect(text).toContain(expected);
    expect(stopped).toBe(1);
  });

  test('two of one name, and a name that is none', async () => {
    expect(await problemsOf({}, [appOf('twin', () => ({})), appOf('twin', () => ({}))])).toContain(
      'apps.twin: expected one application of this name, got the program and the program',
    );
    expect(await problemsOf({}, [appOf('No Name', () => ({}))])).toContain('a name of [a-z][a-z0-9-]*');
  });
});

describe('later', () => {
  let server: TestServer;
  const bad = appOf('bad', (host) => {
    const any = (z: Host['z']): ReturnType<typeof z.unknown> => z.unknown();
    return {
      frames: {
        'X-Throw': host.frame({
          schema: any,
          handle: () => {
            throw new Error('PLANTED');
          },
        }),
        'X-Number': host.frame({ schema: any, handle: () => 7 as unknown as undefined }),
        'X-Circle': host.frame({
          schema: any,
          handle: () => {
            const circle: Record<string, unknown> = {};
            circle['self'] = circle;
            return circle as Record<string, string>;
          },
        }),
        'X-Reason': host.frame({
          schema: any,
          handle: () => ({ ...host.refuse('internal', 'x'), reason: 'no_such' }) as never,
        }),
        'X-Never': host.frame({ schema: any, deadlineMs: 50, handle: () => new Promise<undefined>(() => {}) }),
        'X-Block': host.frame({
          schema: any,
          handle: () => {
            const end = performance.now() + 120;
            while (performance.now() < end);
            return undefined;
          },
        }),
      },
      routes: [
        host.route({
          method: 'GET',
          path: '/apps/bad/throws',
          access: 'user',
          summary: '.',
          handle: () => Promise.reject(new Error('PLANTED')),
        }),
        host.route({
          method: 'GET',
          path: '/apps/bad/never',
          access: 'public',
          deadlineMs: 50,
          summary: '.',
          handle: () => new Promise<object>(() => {}),
        }),
      ],
      topics: [
        {
          pattern: 'bad.*',
          mayAct: (_principal, _action, topic) => {
            if (topic === 'bad.throws') throw new Error('PLANTED');
            return topic === 'bad.never' ? new Promise<boolean>(() => {}) : true;
          },
          publishing: (_principal, { topic }) => {
            if (topic === 'bad.breaks') throw new Error('PLANTED');
            return undefined;
          },
        },
      ],
      hooks: {
        connected: () => {
          throw new Error('PLANTED');
        },
        subscribed: () => Promise.reject(new Error('PLANTED')),
      },
      health: () => {
        throw new Error('PLANTED');
      },
    };
  });

  async function failures(part: string): Promise<number> {
    const samples = (await server.samples('signalbox_app_failures_total')) as readonly {
      part?: string;
      value: number;
    }[];
    return samples.find((sample) => sample.part === part)?.value ?? 0;
  }

  test('what throws is a refusal to its caller, a dead letter and a metric, and nothing else', async () => {
    server = await startServer({}, [bad]);
    const client = await connect(server.port);
    for (const type of ['X-Throw', 'X-Number', 'X-Circle', 'X-Reason'])
      for (let time = 0; time < 3; time += 1)
        expect((await client.ask(type, {})).data, type).toMatchObject({ code: 500, reason: 'quarantined' });
    expect(await failures('frame')).toBe(12);
    const letters = server.running.node.parts.context.deadLetters;
    expect(letters.list().filter(({ actor }) => actor === 'app:bad').length).toBeGreaterThanOrEqual(12);
    const response = await server.get('/apps/bad/throws', { authorization: `Bearer ${await tokenOf('ada')}` });
    expect([response.status, (await response.text()).includes('PLANTED')]).toEqual([500, false]);
    expect(await failures('route')).toBe(1);
    expect((await client.ask('Subscribe', { topics: ['bad.throws'] })).data).toMatchObject({
      details: { rejected: [{ reason: 'rights_unavailable' }] },
    });
    expect((await client.ask('Broadcast', { topic: 'bad.breaks', payload: 1 })).data.reason).toBe('quarantined');
    expect(await failures('publishing')).toBe(1);
    await client.subscribe('bad.fine');
    await client.publish('bad.fine', 1);
    expect((await client.next('Broadcast')).data.payload).toBe(1);
    expect(await failures('hook')).toBeGreaterThanOrEqual(1);
    expect(client.isClosed).toBe(false);
    const health = (await (await server.get('/health')).json()) as { apps: unknown };
    expect(health.apps).toMatchObject({ bad: { status: 'unhealthy' } });
  });

  test('what never answers is cut at its deadline, and what it says later is nobody’s', async () => {
    server = await startServer({ 'apps.decision_timeout_ms': '50' }, [bad]);
    const client = await connect(server.port);
    expect((await client.ask('X-Never', {})).data).toMatchObject({
      code: 503,
      reason: 'application_timeout',
      temporary: true,
    });
    const response = await server.get('/apps/bad/never');
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
    expect((await client.ask('Subscribe', { topics: ['bad.never'] })).data).toMatchObject({
      details: { rejected: [{ reason: 'rights_unavailable' }] },
    });
    expect(await server.samples('signalbox_app_deadlines_total')).toContainEqual({
      app: 'bad',
      part: 'frame',
      value: 1,
    });
    expect((await client.ask('Ping', {})).type).toBe('Pong');
  });

  test.each(['throws', 'rejects', 'number', 'circle', 'names', 'reason'])(
    'connecting that fails (%s) is no decision: 503 and a dead letter, never a yes',
    async (way) => {
      const answers: Record<string, (host: Host) => unknown> = {
        throws: () => {
          throw new Error('PLANTED');
        },
        rejects: () => Promise.reject(new Error('PLANTED')),
        number: () => 5,
        circle: () => {
          const circle: Record<string, unknown> = {};
          circle['self'] = circle;
          return circle;
        },
        names: () => ({ subscribe: [5] }),
        reason: (host) => ({ ...host.refuse('internal', 'x'), reason: 'no_such' }),
      };
      server = await startServer({}, [
        appOf('bad', (host) => ({ hooks: { connecting: () => answers[way]?.(host) as undefined } })),
      ]);
      const answer = await handshake(server.port, { authorization: `Bearer ${await tokenOf('ada')}` });
      expect(refusalIn(answer)).toMatchObject({ reason: 'rights_unavailable' });
      expect([answer.status, server.connections]).toEqual([503, 0]);
      if (way !== 'reason') expect(await failures('connecting')).toBe(1);
    },
  );

  test('a handler that blocks the event loop is named', async () => {
    server = await startServer({}, [bad]);
    const client = await connect(server.port);
    await client.ask('X-Block', {});
    expect(await server.samples('signalbox_app_blocking_total')).toEqual([{ app: 'bad', part: 'frame', value: 1 }]);
  });
});
