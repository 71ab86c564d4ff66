/** Uploads to the parent of workers, which knows no tokens itself: a worker decides who may send a body. */
import { expect, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { eventually } from '../harness/deadline.ts';
import { startProcess } from '../harness/process.ts';
import { startRedis } from '../harness/redis-server.ts';
import { answered, uploadAll } from '../harness/uploads.ts';

/** Starting processes takes its time on a machine that has other things to do. */
const SLOW_MS = 40_000;

test('nobody uploads without the token of an operator', { timeout: 60_000 }, async () => {
  const redis = await startRedis();
  const settings = { 'redis.url': redis.url, 'server.node_name': 'web', 'admin.port': '0' };
  const sets = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
  const { output } = await startProcess(['--workers', '2', ...sets], { ADMIN_TOKEN });
  const admin = new Admin(Number(/"admin_port":(\d+)/.exec(output)?.[1]));
  const port = Number(new URL(admin.url).port);
  const line = 'PUT /admin/config/log-level';
  const uploads = await uploadAll({ port, line, headers: 'Authorization: Bearer none\r\n' });
  await eventually(() => uploads.every(answered), 'each upload to be refused', SLOW_MS);
  expect(uploads.map(({ text }) => text.slice(9, 12)).filter((status) => !/401|429/.test(status))).toEqual([]);
  expect((await admin.put('/admin/config/log-level', { level: 'error' })).status).toBe(200);
});
