/** `doctor` on secrets: weak ones, files with a line end, nodes with different ones. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { secretsFiles } from '../src/doctor/checks/secrets/files.ts';
import { secretsSame } from '../src/doctor/checks/secrets/same.ts';
import { secretsStrength } from '../src/doctor/checks/secrets/strength.ts';
import { ADMIN_TOKEN } from './harness/admin.ts';
import { faults, findings } from './harness/doctor.ts';
import { signalbox } from './harness/process.ts';
import { startRedis } from './harness/redis-server.ts';
import { startServer } from './harness/server.ts';
import { SECRET } from './harness/tokens.ts';

const GOOD = '3q2-7wBv9xKcT0mYp8sLrF4nZdQeHjU6aVgXoNi1RtWk5';

describe('a secret', () => {
  test.each([
    ['s3#t!', 'has 5 bytes, and at least 32 are needed'],
    ['aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', 'repeats one character'],
    ['abcdabcdabcdabcdabcdabcdabcdabcdabcdabcd', 'repeats the same 4 characters'],
    ['1111111111222222222233333333331212121212', 'that is no random secret'],
    ['my very secret password for production one', 'has the word "secret" in it'],
    ['"3q2-7wBv9xKcT0mYp8sLrF4nZdQeHjU6aVgXoNi1"', 'in quotation marks'],
    ['${SIGNALBOX_PRODUCTION_JWT_SECRET_VALUE_1}', 'the name of a variable'],
  ])('%j is named, and not shown', async (secret, named) => {
    const settings = { profile: 'development', 'auth.jwt_secret': secret };
    const found = (await faults([secretsStrength], { settings })).join('\n');
    expect(found).toContain(named);
    expect(found).not.toContain(secret);
  });

  test('that is good is said to be, and how issuers must read it', async () => {
    const found = await findings([secretsStrength], { settings: { 'auth.jwt_secret': GOOD } });
    expect(found).toMatchObject([{ level: 'ok', says: expect.stringContaining('it looks like base64url') as string }]);
  });
});

test('a line end at the end of a file, a file for everybody, and one that is not there', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-secret-'));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, 'jwt-secret');
  writeFileSync(file, `${GOOD}\n`);
  chmodSync(file, 0o644);
  const { out } = await signalbox(['doctor', '--only', 'secrets', '--json'], { JWT_SECRET_FILE: file });
  expect(JSON.parse(out)).toMatchObject({
    findings: [
      { check: 'secrets.strength', level: 'ok' },
      { check: 'secrets.files', level: 'warn', says: expect.stringContaining(String.raw`ends with "\n"`) as string },
      { check: 'secrets.files', level: 'warn', cure: `chmod 600 ${file}` },
    ],
  });
  chmodSync(file, 0o600);
  writeFileSync(file, GOOD);
  const secretFiles = new Map([['auth.jwt_secret', file]]);
  expect(await faults([secretsFiles], { secretFiles })).toEqual([]);
  const gone = new Map([['auth.jwt_secret', join(directory, 'gone')]]);
  expect((await faults([secretsFiles], { secretFiles: gone }))[0]).toContain('cannot be read: ENOENT');
});

describe('running nodes', () => {
  test('with another secret than the configuration here', async () => {
    const { url } = await startServer({ 'admin.token': ADMIN_TOKEN });
    const same = { 'admin.token': ADMIN_TOKEN };
    expect(await faults([secretsSame], { settings: same, node: url })).toEqual([]);
    const settings = { ...same, 'auth.jwt_secret': GOOD, 'auth.jwt_previous_secret': SECRET };
    const found = await faults([secretsSame], { settings, node: url });
    expect(found).toEqual([
      expect.stringContaining('test-node runs with another auth.jwt_secret than this configuration has') as string,
      expect.stringContaining(
        'test-node runs without auth.jwt_previous_secret and this configuration has one',
      ) as string,
    ]);
    expect(found.join('')).not.toContain(GOOD);
  });

  test('in the middle of a rotation: some with the old secret alone', async () => {
    const redis = await startRedis();
    const service = { 'redis.url': redis.url, 'redis.prefix': 'secrets', 'admin.token': ADMIN_TOKEN };
    const { url } = await startServer({ ...service, 'server.node_name': 'a', 'auth.jwt_previous_secret': GOOD });
    await startServer({ ...service, 'server.node_name': 'b', 'auth.jwt_secret': GOOD });
    const [fault, ...more] = await faults([secretsSame], { settings: null, node: url });
    expect(fault).toContain(
      'the nodes run with different auth.jwt_secret: a | b; a token that one accepts the other refuses',
    );
    expect(more).toEqual([expect.stringContaining('different auth.jwt_previous_secret: a | b without one') as string]);
  });
});
