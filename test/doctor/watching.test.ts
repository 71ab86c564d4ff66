/** Logs that nobody takes or that say too little, metrics that nobody reads, alerts that reach nobody. */
import { closeSync, existsSync, openSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { configurationAlerts } from '../../src/doctor/checks/configuration/alerts.ts';
import { nodesLogs } from '../../src/doctor/checks/nodes/logs.ts';
import { nodesMetrics } from '../../src/doctor/checks/nodes/metrics.ts';
import { examine } from '../../src/doctor/examine.ts';
import type { View } from '../../src/doctor/patient.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { appOf } from '../harness/apps.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { freePort } from '../harness/free-port.ts';
import { findingsOf, patient } from '../harness/patient.ts';
import { spawnWithOutput } from '../harness/process.ts';
import { startServer } from '../harness/server.ts';
import { named } from '../harness/symptoms.ts';
import { SECRET } from '../harness/tokens.ts';

const saying = (level: string, says: RegExp): object => ({ level, says: expect.stringMatching(says) as string });

test.skipIf(!existsSync('/dev/full'))('the disk that the log is written to is full', async () => {
  const port = await freePort();
  const output = openSync('/dev/full', 'w');
  const words = ['serve', '--host', '127.0.0.1', '--port', String(port)];
  const node = spawnWithOutput(words, { JWT_SECRET: SECRET, ADMIN_TOKEN }, output);
  closeSync(output);
  const isServing = async (): Promise<boolean> =>
    (await fetch(`http://127.0.0.1:${port}/health`).catch(() => null))?.ok === true;
  await eventually(isServing, 'the node to serve', 40_000);
  const { cure } = await named('log-stuck', { node: `http://127.0.0.1:${port}` });
  expect(cure).toContain('a full disk');
  node.signal('SIGKILL');
});

test('a level that leaves lines out, and one that adds a line for every frame', async () => {
  const node = await startServer({ 'admin.token': ADMIN_TOKEN, 'logging.level': 'error' });
  await named('log-level', { node: node.url });
  const become = async (level: string, says: RegExp): Promise<void> => {
    expect((await new Admin(node.port).put('/admin/config/log-level', { level })).status).toBe(200);
    // The answer of a node stands for a second.
    const isSaid = async (): Promise<boolean> =>
      says.test((await findingsOf(nodesLogs, { url: node.url }))[0]?.says ?? '');
    await eventually(isSaid, `doctor to say ${String(says)}`);
  };
  await become('info', /logs are written, at level info/);
  await become('debug', /level of the log is debug/);
  await named('log-grows', { node: node.url, isHere: true });
});

test('lines that no program can parse', async () => {
  const port = await freePort();
  const words = ['serve', '--host', '127.0.0.1', '--port', String(port), '--set', 'logging.format=pretty'];
  const node = spawnWithOutput(words, { JWT_SECRET: SECRET, ADMIN_TOKEN }, 'pipe');
  const isServing = async (): Promise<boolean> =>
    (await fetch(`http://127.0.0.1:${port}/health`).catch(() => null))?.ok === true;
  await eventually(isServing, 'the node to serve', 40_000);
  const { cure } = await named('log-format', { node: `http://127.0.0.1:${port}` });
  expect(cure).toContain('logging.format = "json"');
  node.signal('SIGKILL');
});

test('metrics that are switched off, and that nobody reads', async () => {
  const without = await startServer({ 'admin.token': ADMIN_TOKEN, 'metrics.enabled': 'false' });
  await named('metrics-missing', { node: without.url, isHere: true });
  const node = await startServer({ 'admin.token': ADMIN_TOKEN });
  await node.get('/metrics');
  expect(await findingsOf(nodesMetrics, { url: node.url })).toMatchObject([saying('ok', /asked for 1 times/)]);
  // Minutes later, as the node would say it then.
  const silent = async (count: number): Promise<unknown> => {
    const body = { nodes: [{ node: 'n1', problem: null, scrapes: { count, silent_secs: 400 } }] };
    const views = { address: 'n1', get: (): Promise<View> => Promise.resolve({ status: 200, body }) };
    return (await examine([nodesMetrics], { ...(await patient({})), views }, systemScheduler)).findings;
  };
  expect(await silent(0)).toMatchObject([
    saying('warn', /^n1: nobody has asked for \/metrics for 400 s, since the start$/),
  ]);
  expect(await silent(7)).toMatchObject([saying('warn', /since the last of 7 times$/)]);
});

test('alerts that the webhook does not take', async () => {
  const receiver = createServer((_, response) => response.writeHead(404).end());
  await new Promise<void>((resolve) => {
    receiver.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void receiver.close());
  const webhook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/services/a-secret-path`;
  const alarming = appOf('alarming', (host) => ({
    frames: {
      'X-Alarm': host.frame({
        schema: (z) => z.unknown(),
        handle: () => {
          host.alert('It is on fire', {});
          return {};
        },
      }),
    },
  }));
  const node = await startServer({ 'admin.token': ADMIN_TOKEN, 'admin.alert_webhook': webhook }, [alarming]);
  const { url } = node;
  expect(await findingsOf(configurationAlerts, { url })).toMatchObject([saying('ok', /posted to admin.*, 0 since/)]);
  await (await connect(node.port)).ask('X-Alarm', {});
  await eventually(
    async () => (await findingsOf(configurationAlerts, { url }))[0]?.level === 'warn',
    'the alert to be lost',
  );
  const { line } = await named('alerts-lost', { node: url });
  expect(line).not.toContain('a-secret-path');
  expect(await findingsOf(configurationAlerts, { settings: {} })).toMatchObject([saying('ok', /log .* is not set/)]);
});
