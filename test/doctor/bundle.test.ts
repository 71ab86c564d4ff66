/** `doctor bundle` and `doctor` without an address: what is in the archive, and what must not be. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import { ADMIN_TOKEN } from '../harness/admin.ts';
import { connect } from '../harness/client.ts';
import { freePort } from '../harness/free-port.ts';
import { signalbox } from '../harness/process.ts';
import { startRedis } from '../harness/redis-server.ts';
import { startServer } from '../harness/server.ts';
import { SECRET, tokenOf } from '../harness/tokens.ts';

/** Name → text, as any program for such archives reads it. */
function entriesOf(archive: Buffer): ReadonlyMap<string, string> {
  const bytes = gunzipSync(archive);
  const entries = new Map<string, string>();
  for (let at = 0; bytes[at] !== 0;) {
    const text = (from: number, length: number): string =>
      bytes.toString('utf8', at + from, at + from + length).replace(/\0.*$/s, '');
    const size = Number.parseInt(text(124, 12), 8);
    expect(text(257, 6)).toBe('ustar');
    entries.set(text(0, 100), bytes.toString('utf8', at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return entries;
}

test('L-34: everything that a report needs, and no secret, token, password or message', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'signalbox-bundle-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const redis = await startRedis(['--user', 'bundle', 'on', '>a-password-of-redis', '~*', '&*', '+@all']);
  const url = `redis://bundle:a-password-of-redis@127.0.0.1:${redis.port}`;
  const hook = 'https://hooks.example.com/services/a-secret-path';
  const settings = {
    'redis.url': url,
    'admin.token': ADMIN_TOKEN,
    'auth.jwt_previous_secret': 'the secret before it, of 32 bytes and more',
    'admin.alert_webhook': hook,
  };
  const node = await startServer(settings);
  const client = await connect(node.port, { user: 'alice' });
  await client.subscribe('chat.lobby');
  await client.publish('chat.lobby', 'what alice says to nobody else');
  const token = await tokenOf('alice');
  const log = join(folder, 'signalbox.log');
  const lines = [
    { level: 'INFO', target: 'signalbox::node', message: 'Mode changed', mode: 'running' },
    {
      level: 'WARN',
      target: 'signalbox::apps',
      message: 'Application failed',
      error: 'what alice says to nobody else',
    },
    { level: 'WARN', target: 'signalbox::http', message: `called with Bearer ${token} at ${url}` },
  ];
  writeFileSync(
    log,
    `${lines.map((line) => JSON.stringify(line)).join('\n')}\nno JSON: what alice says to nobody else\n`,
  );
  const out = join(folder, 'bundle.tar.gz');
  const flags = Object.entries({ ...settings, 'auth.jwt_secret': SECRET }).flatMap(([key, value]) => [
    '--set',
    `${key}=${value}`,
  ]);
  const args = ['doctor', 'bundle', '--out', out, '--log', log, '--url', node.url, '--admin-token', ADMIN_TOKEN];
  const said = await signalbox([...args, '--token', token, ...flags]);
  expect(said).toMatchObject({ code: 0, out: expect.stringContaining('report.txt') as string });
  expect(statSync(out).mode & 0o777).toBe(0o600);
  const entries = entriesOf(readFileSync(out));
  const names = ['ABOUT.txt', 'report.txt', 'report.json', 'versions.json', 'configuration.json', 'log.ndjson'];
  const ofNodes = ['facts.json', 'nodes.json', 'orders.json', 'metrics.json', 'health.json'];
  expect([...entries.keys()]).toEqual([...names, ...ofNodes].map((name) => `signalbox-doctor/${name}`));
  expect(entries.get('signalbox-doctor/facts.json')).toContain('"test-node"');
  expect(entries.get('signalbox-doctor/log.ndjson')).toMatch(/Mode changed.*running[^]*1 lines are no JSON/);
  expect(entries.get('signalbox-doctor/configuration.json')).toContain('"auth.jwt_secret": "[redacted]"');
  const all = [...entries.values()].join('\n');
  const secrets = [
    SECRET,
    settings['auth.jwt_previous_secret'],
    ADMIN_TOKEN,
    token,
    'a-password-of-redis',
    'a-secret-path',
  ];
  for (const secret of [...secrets, 'what alice says to nobody else']) expect(all).not.toContain(secret);
  // Nor in the forms in which they travel.
  for (const secret of secrets.flatMap((it) => [encodeURIComponent(it), Buffer.from(it).toString('base64url')]))
    expect(all).not.toContain(secret);
  // An archive that is there is nobody's to overwrite.
  expect(await signalbox(args)).toMatchObject({ code: 2, err: expect.stringContaining('is not there yet') as string });
});

test('without an address: the node that answers where the configuration says, or the configuration alone', async () => {
  const node = await startServer({ 'admin.token': ADMIN_TOKEN });
  const at = (port: number): string[] => ['--set', `server.port=${port}`, '--set', 'server.host=127.0.0.1'];
  const given = ['doctor', '--json', '--only', 'nodes', '--set', `auth.jwt_secret=${SECRET}`];
  const found = await signalbox([...given, ...at(node.port), '--set', `admin.token=${ADMIN_TOKEN}`]);
  expect(JSON.parse(found.out)).toMatchObject({
    findings: expect.arrayContaining([
      {
        check: 'nodes.found',
        level: 'ok',
        says: expect.stringContaining('where the configuration says') as string,
        cure: null,
      },
      expect.objectContaining({ check: 'nodes.reached', level: 'ok' }),
    ]) as unknown,
  });
  const nobody = await signalbox([...given, ...at(await freePort())]);
  expect(JSON.parse(nobody.out)).toMatchObject({
    findings: [
      {
        check: 'nodes.found',
        says: expect.stringMatching(/^no node answers.*configuration are examined alone$/) as string,
      },
    ],
  });
});
