/** This machine before a start: ports that are taken, a library that does not load, limits that are too low. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { hostBinding } from '../../src/doctor/checks/host/binding.ts';
import { hostDisk } from '../../src/doctor/checks/host/disk.ts';
import { hostAcceptQueue, hostLocalPorts } from '../../src/doctor/checks/host/limits.ts';
import { hostPorts } from '../../src/doctor/checks/host/ports.ts';
import { examine } from '../../src/doctor/examine.ts';
import { systemScheduler } from '../../src/telemetry/system-clock.ts';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { freePort } from '../harness/free-port.ts';
import { findingsOf, patient } from '../harness/patient.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startServer } from '../harness/server.ts';
import { named } from '../harness/symptoms.ts';

const saying = (level: string, says: RegExp): object => ({ level, says: expect.stringMatching(says) as string });

test('a port that another process has is named with that process', async () => {
  const redis = await startRedis();
  const settings = { 'server.port': String(redis.port), 'admin.port': String(await freePort()) };
  const { line } = await named('port-taken', { settings });
  expect(line).toContain(`port ${redis.port} is taken by pid ${redis.pid} (redis-server)`);
});

test('a port that the node itself has is its own', async () => {
  const node = await startServer({ 'admin.token': ADMIN_TOKEN });
  const asked = { url: node.url, settings: { 'server.port': String(node.port) } };
  expect(await findingsOf(hostPorts, asked)).toMatchObject([saying('ok', /belongs to the node itself/)]);
});

test('a port of IPv6 is seen as well', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '::1', resolve);
  });
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  expect(await findingsOf(hostPorts, { settings: { 'server.port': String(port) } })).toMatchObject([
    saying('ok', /belongs to the node itself/),
  ]);
});

test('a library that does not load says what it wanted', async () => {
  const well = { ...(await patient({})), binding: () => Promise.resolve('20.51.4') };
  const of = async (given: typeof well): Promise<unknown> =>
    (await examine([hostBinding], given, systemScheduler)).findings;
  expect(await of(well)).toMatchObject([saying('ok', /20\.51\.4 loads \(linux-/)]);
  // As another installation is: its binary is one of another machine, or was cut when it was copied.
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-binding-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const library = join(folder, 'uws');
  mkdirSync(library);
  writeFileSync(join(library, 'binary.node'), 'not a shared object');
  writeFileSync(join(library, 'index.js'), "module.exports = require('./binary.node');");
  const { line, cure } = await named('binding-missing', { environment: { UWS_PACKAGE: join(library, 'index.js') } });
  expect(line).toMatch(/does not load \(linux.*(?:file too short|invalid ELF header)/);
  expect(cure).toContain('install anew');
});

test('limits against a configuration that is too large for any machine', async () => {
  const settings = {
    'websocket.max_connections': '1000000000',
    'topics.total_bytes': '1000000000000',
    'database.folder': '/proc/1/fdinfo/none',
  };
  await named('memory-bounds', { settings: { 'websocket.max_connections': '1000000000' }, isHere: true });
  expect(await findingsOf(hostLocalPorts, { settings })).toMatchObject([saying('warn', /takes 1000000000 conn/)]);
  // A file system without a single free block.
  expect(await findingsOf(hostDisk, { settings })).toMatchObject([saying('fail', /^0 MiB free for database\.folder/)]);
  expect(await findingsOf(hostDisk, { settings: { 'database.folder': '/tmp/a/new/one' } })).toMatchObject([
    { level: expect.stringMatching(/ok|warn/) as string },
  ]);
  expect(await findingsOf(hostAcceptQueue, {})).toHaveLength(1);
});
