/** The poll as a team would run it: a module named by a file, in a server, in workers, and its verbs beside them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { connect, type Connection } from '../harness/client.ts';
import { eventually, within } from '../harness/deadline.ts';
import { signalbox, spawnServer, startProcess } from '../harness/process.ts';
import { startRedis, type RedisServer } from '../harness/redis-server.ts';
import { SECRET } from '../harness/tokens.ts';

const POLL = fileURLToPath(new URL('../../examples/poll/poll.ts', import.meta.url));
const TEST_MS = 90_000;
/** A parent and two workers, which all load the module. */
const SLOW_MS = 60_000;
const LUNCH = { poll: 'lunch', question: 'Where to?', options: ['Thai', 'Pizza'] };

const directory = mkdtempSync(join(tmpdir(), 'signalbox-poll-'));
const FILE = join(directory, 'signalbox.toml');
let redis: RedisServer;
beforeAll(async () => {
  writeFileSync(
    join(directory, 'keeper.ts'),
    `export const app = {
      name: 'keeper',
      settings: (z) => z.strictObject({ key: z.string().optional().meta({ secret: 'token' }).describe('opens something'), size: z.int().default(3) }),
      start(host, settings) {
        host.log.info('Keeper started', { size: settings.size });
        return {};
      },
    };`,
  );
  // As they are written: relative to the file that names them.
  const modules = [POLL, join(directory, 'keeper.ts')].map((path) => `./${relative(dirname(FILE), path)}`);
  writeFileSync(
    FILE,
    `[topics]\nsubscribe = ["user"]\npublish = ["user"]\n[auth]\nquery_token = true\n[apps]\nmodules = ${JSON.stringify(modules)}\n[apps.poll]\nmax_options = 3\n[apps.keeper]\nkey = "PLANTED"\n`,
  );
  redis = await startRedis();
});
afterAll(() => rmSync(directory, { recursive: true }));

async function vote(client: Connection, option: string): Promise<unknown> {
  const { data } = await client.ask('X-PollVote', { poll: 'lunch', option });
  return data.details ?? data.reason;
}

test('in a server of its own: sections, variables, the log, and a verb beside it', { timeout: TEST_MS }, async () => {
  const server = await startProcess(['--config', FILE], { SIGNALBOX_APPS_KEEPER_SIZE: '7' });
  const ada = await connect(server.port, { user: 'ada' });
  await ada.ask('X-PollCreate', LUNCH);
  expect(await vote(ada, 'Thai')).toEqual({ counted: true });
  expect(server.lines()).toContainEqual(
    expect.objectContaining({ target: 'signalbox::keeper', message: 'Keeper started', size: 7 }),
  );
  const verb = ['poll', 'results', 'lunch', '--config', FILE, '--url', `http://127.0.0.1:${server.port}`];
  const { code, out } = await signalbox(verb, { JWT_SECRET: SECRET });
  expect([code, JSON.parse(out)]).toEqual([0, expect.objectContaining({ votes: { Thai: 1, Pizza: 0 } })]);
  expect(await server.end()).toBe(0);
});

test('print-config and check-config know its keys, and secrets stay secret', { timeout: TEST_MS }, async () => {
  const printed = await signalbox(['print-config', '--config', FILE, '--set', 'apps.poll.creators=host,guest'], {
    JWT_SECRET: SECRET,
  });
  expect(printed.out).toMatch(
    /\[apps\.poll\]\n# [^\n]+\ncreators = \["host","guest"\] {2}# command line\n# [^\n]+\nmax_options = 3/,
  );
  expect(printed.out).toContain('[apps.keeper]\nkey = "[redacted]"');
  expect(printed.out).not.toContain('PLANTED');
  const checked = await signalbox(['check-config', '--config', FILE], { JWT_SECRET: SECRET });
  expect([checked.code, checked.out]).toEqual([0, expect.stringContaining('applications: poll, keeper')]);
  const misspelt = await signalbox(['pol', 'results', '--config', FILE], { JWT_SECRET: SECRET });
  expect([misspelt.code, misspelt.err]).toEqual([2, expect.stringContaining('expected one of serve, token')]);
  const help = await signalbox(['poll', '--help', '--config', FILE], { JWT_SECRET: SECRET });
  expect(help.out).toMatch(/results POLL +Prints the votes of a poll/);
});

test(
  'in workers: each loads the module, all count the same votes, and the parent sums its metrics',
  { timeout: TEST_MS },
  async () => {
    const settings = { 'redis.url': redis.url, 'redis.prefix': 'polls', 'server.node_name': 'web', 'admin.port': '0' };
    const sets = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    const server = spawnServer(['--workers', '2', '--config', FILE, ...sets], { JWT_SECRET: SECRET, ADMIN_TOKEN });
    await server.serving(SLOW_MS);
    const voters = new Map<string, Connection>();
    for (let at = 0; voters.size < 2; at += 1) {
      const voter = await connect(server.port, { user: `voter-${at}` });
      if (voters.has(voter.connected.node)) await voter.close();
      else voters.set(voter.connected.node, voter);
    }
    const [one, two] = [...voters.values()] as [Connection, Connection];
    await one.ask('X-PollCreate', LUNCH);
    expect(await vote(one, 'Thai')).toEqual({ counted: true });
    expect(await vote(two, 'Pizza')).toEqual({ counted: true });
    expect(await vote(two, 'Pizza')).toEqual({ counted: false });
    const [, adminPort] = /"admin_port":(\d+)/.exec(server.output) ?? [];
    const admin = `http://127.0.0.1:${adminPort}`;
    await eventually(async () => {
      const text = await (await within(fetch(`${admin}/metrics`), 'metrics')).text();
      return text.includes('signalbox_poll_votes_total 2');
    }, 'the sum of both');
    const { metrics } = (await (await fetch(`${admin}/metrics.json`)).json()) as { metrics: Record<string, unknown> };
    expect(metrics['signalbox_poll_votes_total']).toBe(2);
    expect(await server.end()).toBe(0);
  },
);

test('in workers one that does not start stops the server, with its name', { timeout: TEST_MS }, async () => {
  writeFileSync(
    join(directory, 'broken.ts'),
    "export const app = { name: 'broken', start: () => { throw new Error('no disk'); } };",
  );
  const sets = [
    'redis.url=' + redis.url,
    'redis.prefix=broken',
    'admin.port=0',
    `apps.modules=${join(directory, 'broken.ts')}`,
  ];
  const args = ['--workers', '2', ...sets.flatMap((set) => ['--set', set])];
  const server = spawnServer(args, { JWT_SECRET: SECRET, ADMIN_TOKEN });
  expect(await within(server.exited, 'the end', SLOW_MS)).toBe(1);
  expect(server.errors).toContain('apps.broken: expected an application that starts, got Error: no disk');
});
