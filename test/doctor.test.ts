/** `signalbox doctor`: how it examines, and what it says of a server, of what is none, and of nobody. */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { nodesReached } from '../src/doctor/checks/nodes/reached.ts';
import { CHECKS } from '../src/doctor/checks/all.ts';
import { examine } from '../src/doctor/examine.ts';
import type { Patient } from '../src/doctor/patient.ts';
import { viewsByHttp } from '../src/doctor/views-by-http.ts';
import { systemClock, systemScheduler } from '../src/telemetry/system-clock.ts';
import { signalbox } from './harness/process.ts';

const NOBODY: Patient = {
  clock: systemClock,
  configuration: null,
  views: null,
  urls: [],
  tokens: [],
  page: null,
  manifests: null,
  idleMs: 0,
};

describe('an examination', () => {
  test('a check that throws and a check that hangs are findings of their own', async () => {
    const hangs = { name: 'a.hangs', looksAt: '', needs: [], run: () => new Promise<never>(() => {}) };
    const throws = { name: 'a.throws', looksAt: '', needs: [], run: () => Promise.reject(new Error('a broken check')) };
    const scheduler = { ...systemScheduler, after: (_: number, work: () => void) => systemScheduler.after(1, work) };
    const report = await examine([hangs, throws], NOBODY, scheduler);
    expect(report.findings.map(({ check, level, says }) => [check, level, says])).toEqual([
      ['a.hangs', 'fail', 'no answer within 3.7 s'],
      ['a.throws', 'fail', 'a broken check'],
    ]);
    expect(report.summary).toEqual({ ok: 0, warn: 0, fail: 2 });
  });

  test('what was not given is left out, and the report says what would bring it', async () => {
    const report = await examine([nodesReached], NOBODY, systemScheduler);
    expect(report.findings).toEqual([]);
    expect(report.skipped).toEqual([
      { check: 'nodes.reached', needs: expect.stringContaining('--url http') as string },
    ]);
  });

  test('names of checks are unique and have their group', () => {
    const names = CHECKS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z]+\.[a-z-]+$/);
  });
});

describe('what answers there', () => {
  const reached = async (url: string): Promise<unknown> => {
    const patient = { ...NOBODY, views: viewsByHttp(new URL(url), 'some-token') };
    return (await examine([nodesReached], patient, systemScheduler)).findings;
  };

  test('something that is no Signalbox', async () => {
    const url = await something((_, response) => response.end('<html>It works!</html>'));
    expect(await reached(url)).toMatchObject([{ level: 'fail', says: expect.stringContaining('not as the admin') }]);
  });

  test('nobody', async () => {
    const url = await something(() => {});
    const dead = url.replace(/\d+$/, '9');
    expect(await reached(dead)).toMatchObject([{ level: 'fail', says: expect.stringContaining('nobody answers') }]);
  });
});

test('the verb says what is wrong with a configuration, and exits with 1', async () => {
  const { code, out } = await signalbox([
    'doctor',
    '--only',
    'configuration',
    '--json',
    '--profile',
    'development',
    '--set',
    'server.port=x',
  ]);
  expect(code).toBe(1);
  expect(JSON.parse(out)).toMatchObject({
    findings: [{ check: 'configuration.validity', level: 'fail', says: expect.stringContaining('server.port') }],
  });
});

async function something(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
