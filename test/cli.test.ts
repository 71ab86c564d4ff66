/** The command line as people and scripts use it: the real launcher, its words and its exit codes. */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { version } from '../src/cli/version.ts';
import { connect } from './harness/client.ts';
import { runLauncher, signalbox, spawnServer, type ServerProcess } from './harness/process.ts';
import { SECRET } from './harness/tokens.ts';

const VERBS = [
  'serve',
  'token',
  'check-config',
  'print-config',
  'health',
  'nodes',
  'connections',
  'topics',
  'emergency',
  'drain',
  'trace',
  'why',
  'simulate',
  'load',
  'version',
];
const LAUNCHER = fileURLToPath(new URL('../signalbox', import.meta.url));

describe.concurrent('verbs and flags', () => {
  test('every verb has --help with its usage, its flags and the exit codes', async () => {
    const outcomes = await Promise.all(VERBS.map((verb) => signalbox([verb, '--help'])));
    for (const [at, { code, out, err }] of outcomes.entries()) {
      expect([code, err]).toEqual([0, '']);
      expect(out).toContain(`usage: signalbox ${VERBS[at]}`);
      expect(out).toContain('-h, --help');
      expect(out).toContain('exit codes: 0 done, 1');
    }
    expect(outcomes[0]?.out).toMatch(/-p, --port PORT .*\n.*--host HOST/);
  });

  test('--help lists the verbs; nothing at all does so too, as a mistake', async () => {
    const [help, nothing] = await Promise.all([signalbox(['--help']), signalbox([])]);
    for (const verb of VERBS) expect(help.out).toMatch(new RegExp(`^ {2}${verb} `, 'm'));
    expect([help.code, nothing.code, nothing.out]).toEqual([0, 2, help.out]);
  });

  test.each([
    { args: ['launch'], says: /expected one of serve, .*, got "launch"/ },
    { args: ['poll', 'results'], says: /or an application with verbs that --config or .* names, got "poll"/ },
    { args: ['serve', '--prot', '8082'], says: /--prot/ },
    { args: ['version', 'extra'], says: /expected at most 0 arguments, got 1: extra/ },
    { args: ['serve', '--profile', 'staging'], says: /expected a profile .* got "staging"/ },
    { args: ['simulate', '--seeds', '9..1'], says: /expected --seeds like 1\.\.1000, got "9\.\.1"/ },
  ])('a wrong command line is exit code 2 and says what was expected: $args', async ({ args, says }) => {
    const { code, out, err } = await signalbox(args);
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(says);
    expect(err).not.toContain('    at ');
  });

  test('version, from anywhere and through a link', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'signalbox-cli-'));
    const link = join(directory, 'link');
    symlinkSync(LAUNCHER, link);
    const [verb, flag] = await Promise.all([runLauncher(link, ['version'], directory), signalbox(['--version'])]);
    rmSync(directory, { recursive: true });
    expect(verb.out).toMatch(/^signalbox (\S+), Node\.js v\d+\.\d+\.\d+, uWebSockets\.js 20\.\d+\.\d+\n$/);
    expect(verb.out.split(',')[0]).toBe(`signalbox ${version}`);
    expect([flag.code, flag.out]).toEqual([0, verb.out]);
  });

  test('simulate runs the seeds it is given and finds nothing', async () => {
    const { code, out } = await signalbox(['simulate', '--seeds', '1..20']);
    expect(out).toMatch(/^20 schedules of 120 steps in \d+\.\d s: 0 violations\n$/);
    expect(code).toBe(0);
    const clients = await signalbox(['simulate', '--clients', '--broker', 'redis', '--seeds', '3..5']);
    expect(clients.out).toMatch(/^3 schedules of 120 steps in \d+\.\d s: 0 violations\n$/);
  });
});

/** On a port that was asked for: with port 0 the socket library behaves differently. */
async function serveOnFixedPort(): Promise<ServerProcess> {
  for (;;) {
    // Below the ports that the kernel gives to clients.
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = spawnServer(['--port', String(port)], { JWT_SECRET: SECRET });
    const isServing = await server.serving().then(
      () => true,
      () => false,
    );
    if (isServing) return server;
    expect(server.errors).toContain('taken');
  }
}

describe('serve', () => {
  test('a port that is taken is named, and the exit code is 1: two servers never share one', async () => {
    const first = await serveOnFixedPort();
    const args = ['serve', '--host', '127.0.0.1', '--port', String(first.port)];
    const { code, err } = await signalbox(args, { JWT_SECRET: SECRET });
    expect(code).toBe(1);
    expect(err).toContain(`cannot listen on 127.0.0.1:${first.port}: port ${first.port} is taken`);
    expect(err).toContain('taken');
    await connect(first.port);
  });

  test('a port or a host that cannot be had is told by its own name', async () => {
    const environment = { JWT_SECRET: SECRET };
    const other = await signalbox(['serve', '--host', '192.0.2.1', '--port', '0'], environment);
    expect([other.code, other.err]).toEqual([
      1,
      expect.stringContaining('192.0.2.1 is not an address of this machine'),
    ]);
    const name = await signalbox(['serve', '--host', 'no-such-host.invalid', '--port', '0'], environment);
    expect([name.code, name.err]).toEqual([1, expect.stringMatching(/the name no-such-host\.invalid .*resolve/)]);
  });

  test('production without a secret does not start', async () => {
    const { code, err } = await signalbox(['serve', '--port', '0']);
    expect(code).toBe(2);
    expect(err).toContain('auth.jwt_secret: expected a secret of at least 32 bytes (JWT_SECRET or JWT_SECRET_FILE)');
  });

  test('production starts closed and says so: what no rule allows is not allowed', async () => {
    const server = spawnServer([], { JWT_SECRET: SECRET });
    await server.serving();
    await server.printed(/"level":"WARN".*pattern = .*Every topic is refused/);
    const client = await connect(server.port);
    const refused = { code: 403, reason: 'not_allowed', details: { because: 'no_rule' } };
    expect((await client.publish('chat.lobby', 1)).data).toMatchObject(refused);
    const { rejected } = await client.subscribe('chat.lobby', '@me');
    expect(rejected).toMatchObject([{ topic: 'chat.lobby', ...refused }]);
    const inQuery = connect(server.port, { token: null, query: { token: 'any' } });
    await expect(inQuery).rejects.toThrow('closed with 1006');
  });

  test('the greeting names the address that the server listens on', async () => {
    const server = spawnServer(['--profile', 'development', '--host', '127.0.0.2'], {});
    const [text] = await server.printed(/ready at .*?Ctrl-C drains and stops\./s);
    expect(text).toMatch(/ready at ws:\/\/127\.0\.0\.2:\d+\/ws \(metrics: http:\/\/127\.0\.0\.2:/);
    expect(text).not.toContain('localhost');
  });

  test('--profile development greets with the address, tokens that work, and a line for wscat', async () => {
    const server = spawnServer(['--profile', 'development'], {});
    const greeting = await server.printed(/ready at (ws:\/\/localhost:(\d+)\/ws) .*?Ctrl-C drains and stops\./s);
    const [text, url = '', port] = greeting;
    const tokens = [...text.matchAll(/^ {2}(eyJ\S+)$/gm)].map(([, token]) => token ?? '');
    expect(tokens).toHaveLength(2);
    expect(text).toContain(`npx wscat -c "${url}?token=${tokens[0]}"`);
    const wscat = await connect(Number(port), { token: null, protocols: [], query: { token: tokens[0] ?? '' } });
    // The two lines that the greeting proposes to type.
    const lines = [...text.matchAll(/^ {2}> (\{.*\})$/gm)].map(([, line]) => line ?? '');
    for (const line of lines) wscat.sendRaw(line);
    expect((await wscat.replyTo('1')).data.status).toBe('subscribed');
    expect((await wscat.next('Broadcast')).data).toMatchObject({
      topic: 'chat.lobby',
      payload: 'hello',
      from: 'alice',
    });

    // Another terminal signs with the same secret.
    const made = await signalbox(['token', '--user', 'carol', '--profile', 'development']);
    const guessed = await signalbox(['token', '--user', 'dora']);
    expect(guessed.err).toContain('using that of the development server');
    for (const { out } of [made, guessed]) await connect(Number(port), { token: out.trim() });
    expect(await server.end()).toBe(0);
  });
});
