/** What opens something is shown nowhere: planted secrets are looked for in everything that people and machines are told. */
import { describe, expect, test } from 'vitest';
import { ADMIN_TOKEN, Admin } from './harness/admin.ts';
import { connect } from './harness/client.ts';
import { eventually } from './harness/deadline.ts';
import { signalbox, startProcess } from './harness/process.ts';
import { SECRET } from './harness/tokens.ts';

const PLANTED = 'PLANTED';
const URLS = {
  SIGNALBOX_AUTH_JWKS_URL: `http://u${PLANTED}:p${PLANTED}@127.0.0.1:1/keys.json?key=${PLANTED}`,
  SIGNALBOX_ADMIN_ALERT_WEBHOOK: `http://127.0.0.1:1/services/${PLANTED}?token=${PLANTED}`,
};
const ENVIRONMENT = { JWT_SECRET: SECRET, SIGNALBOX_AUTH_ALGORITHMS: 'HS256,RS256', ...URLS };

describe.concurrent('verbs', () => {
  test.each([[['print-config']], [['print-config', '--json']], [['check-config']], [['token', '--check', 'a.b.c']]])(
    '%j',
    async (args) => {
      const redis = {
        REDIS_URL: `redis://:${PLANTED}@127.0.0.1:1`,
        ADMIN_TOKEN: `${PLANTED} of more than 32 bytes, really`,
      };
      const { out, err } = await signalbox(args, { ...ENVIRONMENT, ...redis });
      expect(out + err).not.toBe('');
      expect(out + err).not.toContain(PLANTED);
      if (args[0] === 'print-config') expect(out).toContain('http://[redacted]@127.0.0.1:1/keys.json?[redacted]');
      if (args[0] === 'print-config') expect(out).toContain('http://127.0.0.1:1/[redacted]');
    },
  );

  test.each([
    ['SIGNALBOX_AUTH_JWKS_URL', `u:${PLANTED}@idp.example`],
    ['SIGNALBOX_AUTH_JWKS_URL', `http://u:${PLANTED}@idp.example/keys`],
    ['SIGNALBOX_ADMIN_ALERT_WEBHOOK', `hooks.example/services/${PLANTED}`],
    ['ADMIN_TOKEN', `${PLANTED}\n`],
  ])('check-config of a bad %s %j', async (name, value) => {
    const { code, out, err } = await signalbox(['check-config'], { ...ENVIRONMENT, [name]: value });
    expect([code === 0, (out + err).includes(PLANTED)]).toEqual([false, false]);
  });
});

test('the log of a server and its admin views', async () => {
  const server = await startProcess([], { ...ENVIRONMENT, ADMIN_TOKEN, LOG_LEVEL: 'debug' });
  const client = await connect(server.port);
  await client.subscribe('a.b');
  await client.publish('a.b', PLANTED);
  const admin = new Admin(server.port);
  for (const path of [
    'nodes',
    'connections',
    'topics',
    'dead-letters',
    'trace',
    `connections/${client.connected.connection_id}`,
  ]) {
    const { status, body } = await admin.get(`/admin/${path}`);
    expect([path, status]).toEqual([path, 200]);
    expect(JSON.stringify(body)).not.toContain(PLANTED);
  }
  await eventually(() => server.output.includes('Key set not fetched'), 'the key set to be tried');
  await server.end();
  expect(server.output + server.errors).not.toContain(PLANTED);
});
