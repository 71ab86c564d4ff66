/** The load-test harness as its users run it: the real command line against real servers, and against broken ones. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HttpReport } from '../src/load/http-report.ts';
import type { LoadReport } from '../src/load/report.ts';
import { eventually } from './harness/deadline.ts';
import { signalbox, spawnVerb, startProcess, type ServerProcess } from './harness/process.ts';
import { SECRET, tokenOf } from './harness/tokens.ts';
import { startFaultyServer, stopFaultyServers, type Fault } from './kit/faulty-server.ts';

const ENVIRONMENT = { JWT_SECRET: SECRET };
const QUICK = ['--warm-up', '200ms', '--duration', '2s', '--settle', '1s'];
/** They wait for one another: as many at once as there are processors (harness/process.ts). */
const IN_TURN = { timeout: 90_000 };
/** Its broken promise is its seventh publication. */
const AGAINST_FAULTS = ['--topics', '2', '--rate', '50', '--duration', '500ms'];

let directory = '';
let server: ServerProcess;
let files = 0;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'signalbox-load-'));
  server = await startProcess();
});

afterAll(() => {
  stopFaultyServers();
  rmSync(directory, { recursive: true });
});

function newFile(ending: string): string {
  files += 1;
  return join(directory, `report-${files}.${ending}`);
}

interface Loaded<Kind> {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly report: Kind;
}

async function load<Kind = LoadReport>(port: number, ...args: string[]): Promise<Loaded<Kind>> {
  const json = newFile('json');
  const url = `ws://127.0.0.1:${port}/ws`;
  const outcome = await signalbox(['load', '--url', url, ...QUICK, '--json', json, ...args], ENVIRONMENT);
  // What it said is more helpful than that a file is missing.
  expect(outcome.err).not.toContain('signalbox: ');
  return { ...outcome, report: JSON.parse(readFileSync(json, 'utf8')) as Kind };
}

/** Nothing lost, nothing twice, nothing out of order, every publish accounted for. */
function expectAllDelivered({ publishes, deliveries, plan }: LoadReport): void {
  expect(publishes).toMatchObject({ unanswered: 0, skipped: 0 });
  expect(publishes.acknowledged).toBe(publishes.sent - publishes.refused);
  expect(deliveries.expected).toBe(publishes.acknowledged * plan.subscribers);
  expect(deliveries).toMatchObject({ received: deliveries.expected, lost: 0, duplicates: 0, reordered: 0 });
}

describe.concurrent('against a server that keeps its promises', IN_TURN, () => {
  test.each([
    { name: 'JSON', args: ['--html'] },
    { name: 'MessagePack in batches, from two threads', args: ['--format', 'msgpack', '--batch', '--threads', '2'] },
  ])('$name: everything published is delivered, and measured', async ({ args }) => {
    const html = newFile('html');
    const more = args[0] === '--html' ? ['--html', html] : args;
    const { code, out, report } = await load(server.port, '-c', '60', '--topics', '6', '--rate', '200', ...more);
    expect([code, report.verdict]).toEqual([0, 'ok']);
    expectAllDelivered(report);
    // 2.2 s at 200 a second; a publish that is due when time is over is not sent.
    expect(report.publishes.sent).toBe(440);
    expect(report.deliveries.expected).toBe(4_400);
    // Of the measured time only: all of it reached live connections.
    expect(report.deliveries.latency.count).toBe(4_000);
    const { p50, p99, max } = report.deliveries.latency;
    expect([p50 > 0, p99 >= p50, max >= p99]).toEqual([true, true, true]);
    // One or the other first message of a connection, or first batch: that holds more the busier the machine is.
    expect(report.deliveries.decoded).toBeLessThan(args.includes('--batch') ? 4_400 / 4 : 120);
    // A thread that is held up reports two seconds as one.
    expect([[0, 1], [0], [1]]).toContainEqual(report.series.map(({ second }) => second));
    expect(report.connections).toMatchObject({ wanted: 64, neverOpen: 0, connect: { count: 64 } });
    for (const { cpu } of report.generator.threads) expect(cpu).toBeLessThan(0.9);
    expect(out).toMatch(/is going to do this:\n {2}target +ws:\/\/127.*\n {2}connections +60 that subscribe, 4 /);
    expect(out).toMatch(/OK: every check held\n/);
    if (args[0] === '--html') expect(readFileSync(html, 'utf8')).toContain('<svg ');
  });

  test('a reconnect storm: who drops comes back with positions and misses nothing', async () => {
    const storm = ['--storm', '50%', '--storm-at', '500ms', '--storm-away', '500ms', '--threads', '2'];
    const { code, out, report } = await load(server.port, '-c', '40', '--topics', '4', '--rate', '100', ...storm);
    expect(code).toBe(0);
    expectAllDelivered(report);
    expect(report.storms).toMatchObject([{ dropped: 20, live: 20, timeToLive: { count: 20 } }]);
    // What was published in the half second came from the log: 5 messages a topic for each, give or take the edges.
    expect(report.deliveries.replayed).toBeGreaterThan(20 * 8);
    expect(out).toContain('storm 1        20 dropped, 20 live again');
  });

  test('slow readers: they catch up, and the others do not notice', async () => {
    // Nine megabytes each: more than the kernel's buffers take.
    const big = ['-c', '5', '--topics', '1', '--rate', '300', '--payload', '20000'];
    const slow = ['--slow-readers', '2', '--slow-at', '100ms', '--slow-for', '1500ms'];
    const { code, report } = await load(server.port, ...big, ...slow, '--settle', '5s');
    expect(code).toBe(0);
    expectAllDelivered(report);
    const caughtUp = report.slowReaders?.replayed ?? 0;
    expect(caughtUp).toBeGreaterThan(0);
    // Only healthy connections count into the latency: the wait of those who did not read is not the server's. On a busy
    // machine a healthy one may fall behind too, and is not timed while it catches up.
    const { latency, replayed } = report.deliveries;
    expect(latency.count).toBeLessThanOrEqual(3 * 600);
    expect(latency.count + replayed - caughtUp).toBeGreaterThanOrEqual(3 * 600);
  });

  test('round trips: every connection publishes and waits', async () => {
    const { code, report } = await load(server.port, '--echo', '-c', '5', '--window', '2', '--duration', '500ms');
    expect(code).toBe(0);
    const { sent, acknowledged, refused, ack } = report.publishes;
    expect(acknowledged).toBeGreaterThan(100);
    expect(ack.count).toBeGreaterThan(100);
    // More than its limits allow is refused, which is an answer.
    expect(acknowledged + refused).toBe(sent);
    expect(report.deliveries).toMatchObject({ expected: 0, received: 0 });
  });

  test('a window over two threads goes on as fast as deliveries arrive', async () => {
    const { code, report } = await load(server.port, '-c', '20', '--topics', '2', '--window', '1', '--threads', '2');
    expect(code).toBe(0);
    expectAllDelivered(report);
    // The rate limit of one connection: 200 at once, then 100 a second.
    expect(report.publishes.acknowledged).toBeGreaterThan(250);
  });

  test('one token for all connections: --token', async () => {
    const token = await tokenOf('somebody');
    const args = ['-c', '10', '--topics', '1', '--token', token];
    const { code, report } = await load(server.port, ...args);
    expect(code).toBe(0);
    expectAllDelivered(report);
    expect(report.command).toContain('--token …');
    expect(JSON.stringify(report)).not.toContain(token);
  });

  test('what is not allowed to connect fails the run, with the reason', async () => {
    const { code, report } = await load(server.port, '-c', '3', '--topics', '1', '--token', 'nonsense');
    expect(code).toBe(1);
    expect(report.connections).toMatchObject({ neverOpen: 5, refusals: { token_invalid: 5 } });
    expect(report.checks.find(({ name }) => name === 'connected')?.ok).toBe(false);
  });
});

describe.concurrent('against a server that breaks a promise', IN_TURN, () => {
  const broken: readonly { fault: Fault; code: number; found: Partial<LoadReport['deliveries']>; fails: string[] }[] = [
    { fault: 'none', code: 0, found: {}, fails: [] },
    { fault: 'announces', code: 0, found: { gaps: 20, announcedMissing: 20 }, fails: [] },
    { fault: 'loses', code: 1, found: { lost: 20 }, fails: ['nothing lost silently'] },
    { fault: 'repeats', code: 1, found: { duplicates: 20 }, fails: ['no duplicates'] },
    { fault: 'swaps', code: 1, found: { reordered: 20 }, fails: ['in order'] },
  ];

  test.each(broken)('it $fault: exit code $code, counted exactly', async ({ fault, code, found, fails }) => {
    const port = await startFaultyServer(fault);
    // 20 subscriptions, each of which sees the fault once.
    const outcome = await load(port, '-c', '20', ...AGAINST_FAULTS);
    expect(outcome.code).toBe(code);
    const { deliveries, checks, publishes } = outcome.report;
    const nothing = { lost: 0, duplicates: 0, reordered: 0, gaps: 0, announcedMissing: 0 };
    expect(deliveries).toMatchObject({ ...nothing, ...found, expected: publishes.sent * 10 });
    expect(checks.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(fails);
    if (fails.length > 0) expect(outcome.out).toContain(`FAILED       ${fails[0]}: 20 `);
  });

  test('what is missing at the end is a loss too', async () => {
    const port = await startFaultyServer('stops short');
    const { code, report } = await load(port, '-c', '4', ...AGAINST_FAULTS);
    expect(code).toBe(1);
    expect(report.deliveries).toMatchObject({ received: 4 * 6, lost: 2 * report.publishes.sent - 4 * 6 });
  });
});

describe.concurrent('HTTP endpoints', IN_TURN, () => {
  test('/health and /metrics are loaded by autocannon', async () => {
    const html = newFile('html');
    const health = await load<HttpReport>(server.port, '--http', '/health', '--duration', '1s', '--html', html);
    expect(health.code).toBe(0);
    expect(health.report.requests.total).toBeGreaterThan(100);
    expect(health.report.requests.statuses).toEqual({ '200': health.report.requests.total });
    expect(health.report.latency.count).toBe(health.report.requests.total);
    expect(health.report.requests.bytesPerSecond).toBeGreaterThan(10_000);
    expect(readFileSync(html, 'utf8')).toContain('Requests per second');
    const rate = ['--http', '/metrics', '--rate', '50', '--threads', '2', '-c', '4'];
    const metrics = await load<HttpReport>(server.port, ...rate);
    expect(metrics.code).toBe(0);
    // 50 a second for 2 s, give or take what autocannon was held up and makes up for; 50 per thread would be 200.
    expect(metrics.report.requests.total).toBeGreaterThan(40);
    expect(metrics.report.requests.total).toBeLessThan(160);
  });

  test('answers other than 2xx fail the run', async () => {
    const { code, report } = await load<HttpReport>(
      server.port,
      '--http',
      '/info',
      '--http-method',
      'POST',
      '--http-body',
      '{}',
      '--rate',
      '100',
      '--duration',
      '1s',
    );
    expect(code).toBe(1);
    expect(report.requests.statuses).toEqual({ '405': report.requests.total });
  });
});

describe('the command line', () => {
  test.each([
    { args: [], says: /expected --url/ },
    // An address for documentation: there is nobody, and nobody is asked.
    { args: ['--url', 'ws://192.0.2.1/ws'], says: /expected --yes for a target that is not this machine/ },
    { args: ['--url', 'ws://127.0.0.1:9', '--json', '/nowhere/report.json'], says: /expected a file that can be/ },
  ])('a wrong one is exit code 2 before anything is sent: $args', async ({ args, says }) => {
    const { code, err } = await signalbox(['load', ...args], ENVIRONMENT);
    expect(err).toMatch(says);
    expect(code).toBe(2);
  });

  test('the preset of the seed: 5,000 connections, 500 topics, 100 publishes a second; flags go over it', async () => {
    const { code, out, err } = await signalbox(
      ['load', '--url', 'ws://127.0.0.1:9/ws', '--preset', 'seed', '--payload', '200'],
      ENVIRONMENT,
    );
    expect([code, err]).toEqual([1, expect.stringContaining('nothing listens at 127.0.0.1 port 9')]);
    expect(out).toContain('5,000 that subscribe, 2 that publish; 10 every 10 ms, 5 s in all');
    expect(out).toMatch(/topics +500 of load\.\w+\.\*, 10 subscribers each/);
    expect(out).toContain('100 a second in total (open loop), 1,000 deliveries a second');
    expect(out).toContain('300 s after 1 s of warming up');
    expect(out).toContain('200 B, json');
  });

  test('Ctrl-C ends it with the report so far', async () => {
    const json = newFile('json');
    const url = `ws://127.0.0.1:${server.port}/ws`;
    const args = ['-c', '20', '--topics', '2', '--duration', '10m', '--warm-up', '0s', '--json', json];
    const before = await published();
    const run = spawnVerb(['load', '--url', url, ...args], ENVIRONMENT);
    await eventually(async () => (await published()) > before + 50, 'publishes');
    expect(await run.end('SIGINT')).toBe(0);
    expect(run.output).toMatch(/OK: every check held \(interrupted after \d+\.\d s\)/);
    const report = JSON.parse(readFileSync(json, 'utf8')) as LoadReport;
    expect(report.wasInterrupted).toBe(true);
    expectAllDelivered(report);
  });
});

/** Publications that the server has taken so far. */
async function published(): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${server.port}/metrics.json`);
  const { metrics } = (await response.json()) as { metrics: Record<string, unknown> };
  return JSON.stringify(metrics['signalbox_published_total']).length > 0
    ? sumOf(metrics['signalbox_published_total'])
    : 0;
}

function sumOf(samples: unknown): number {
  if (typeof samples === 'number') return samples;
  return (samples as { value: number }[]).reduce((sum, { value }) => sum + value, 0);
}
