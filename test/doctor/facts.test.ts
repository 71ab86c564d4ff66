/** `GET /admin/facts` and `GET /admin/doctor`: what nodes know of themselves, and what they find. */
import { expect, test } from 'vitest';
import { Admin, ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startServer } from '../harness/server.ts';
import { SECRET } from '../harness/tokens.ts';

test('a node says what it is and within which limits, and shows no secret', async () => {
  const node = await startServer({ 'admin.token': ADMIN_TOKEN, 'websocket.max_connections': '321' });
  const client = await connect(node.port, { user: 'alice' });
  await client.subscribe('chat.lobby', 'room.*');
  await client.publish('chat.lobby', 'a text of alice');
  const { status, body } = await new Admin(node.port).get('/admin/facts');
  expect(status).toBe(200);
  expect(body).toMatchObject({
    node: 'test-node',
    mode: 'running',
    versions: { node: process.version },
    process: { pid: process.pid },
    storage: 'memory',
    broker: null,
    database: null,
    connections: { open: 1, limit: 321 },
    configuration: {
      'websocket.max_connections': { value: 321 },
      'auth.jwt_secret': { fingerprint: expect.stringMatching(/^[0-9a-f]{4}$/) as string },
    },
    costs: {
      topics: [{ topic: 'chat.lobby', subscribers: 1, routed: 1, deliveries: 1 }],
      users: [{ user: 'alice', connections: 1 }],
      addresses: [{ address: '127.0.0.1', connections: 1 }],
      patterns: [{ pattern: 'room.*', connections: 1, topics: 0 }],
    },
  });
  const text = JSON.stringify(body);
  for (const secret of [SECRET, ADMIN_TOKEN, 'a text of alice']) expect(text).not.toContain(secret);
});

test('two nodes: both are asked, and each finds the key that differs', async () => {
  const redis = await startRedis();
  const shared = { 'redis.url': redis.url, 'admin.token': ADMIN_TOKEN };
  const a = await startServer({ ...shared, 'server.node_name': 'a', 'topics.age_secs': '50' });
  await startServer({ ...shared, 'server.node_name': 'b' });
  const admin = new Admin(a.port);
  const { body } = await admin.get('/admin/facts?node=*');
  expect(body['nodes']).toMatchObject([
    { node: 'a', problem: null, broker: { state: 'closed', problem: null, servers: [{ policy: 'noeviction' }] } },
    { node: 'b', problem: null, storage: 'redis' },
  ]);
  const doctor = await admin.get('/admin/doctor');
  expect(doctor.body).toMatchObject({ node: 'a' });
  const findings = doctor.body['findings'] as { check: string; level: string; says: string }[];
  // A busy machine is a finding too.
  const failed = findings.filter(({ check, level }) => level === 'fail' && !check.startsWith('load.'));
  expect(failed).toMatchObject([
    {
      check: 'nodes.configurations',
      says: expect.stringMatching(/^topics\.age_secs differs: 50 on a; 3600 on b/) as string,
    },
  ]);
  expect(findings).toContainEqual(expect.objectContaining({ check: 'redis.condition', level: 'ok' }));
  // A second question soon after has the same answer: one look at a time.
  expect((await admin.get('/admin/doctor')).body['at']).toBe(doctor.body['at']);
  // Of another node it is the same as of the one that is asked.
  expect((await admin.get('/admin/facts?node=b')).body).toMatchObject({ node: 'b' });
});
