/** The troubleshooting page, command by command, against a live server: what it prints is what comes. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ADMIN_TOKEN } from './harness/admin.ts';
import { builtLauncher } from './harness/built-server.ts';
import { connect } from './harness/client.ts';
import { COMPILED } from './harness/process.ts';
import { startServer } from './harness/server.ts';
import { isMissing } from './harness/tools.ts';
import { SECRET, tokenOf } from './harness/tokens.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = readFileSync(join(ROOT, 'docs/troubleshooting.md'), 'utf8');

interface Block {
  readonly heading: string;
  readonly script: string;
  /** Lines of which each must be in the output. */
  readonly expected: readonly string[];
}

/** Every block marked `run`, with the block of output behind it. */
function blocks(): Block[] {
  const found: Block[] = [];
  const pattern = /^#+ (?<heading>.+)$|^```bash run\n(?<script>[^`]*)^```\n(?:\n```text\n(?<output>[^`]*)^```)?/gm;
  let heading = '';
  for (const { groups } of PAGE.matchAll(pattern)) {
    if (groups?.['heading'] !== undefined) heading = groups['heading'];
    else if (groups?.['script'] !== undefined)
      found.push({ heading, script: groups['script'], expected: (groups['output'] ?? '').split('\n').filter(Boolean) });
  }
  return found;
}

/** `…` stands for anything. */
function asPattern(line: string): RegExp {
  const escape = (text: string): string =>
    text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll(' ', ' +');
  return new RegExp(`^ *${line.trim().split('…').map(escape).join('.*')}`, 'm');
}

function run(script: string, directory: string, environment: Readonly<Record<string, string>>): Promise<string> {
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env['PATH'] ?? '', HOME: directory, ...COMPILED, ...environment };
    execFile('bash', ['-euo', 'pipefail', '-c', script], { cwd: directory, env }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else reject(new Error(`${script}\nended with ${String(error.code)}: ${stdout}${stderr}`));
    });
  });
}

describe('docs/troubleshooting.md', () => {
  const all = blocks();

  test('has a command for every symptom of the guide that it grew from', () => {
    expect(all.length).toBeGreaterThanOrEqual(18);
    const symptoms = [
      'cannot connect',
      '401',
      'drop',
      'not delivered',
      'Out of order',
      'overflow',
      'restarts',
      'CPU',
      'Memory',
    ];
    for (const symptom of symptoms)
      expect([symptom, all.some(({ heading }) => heading.includes(symptom))]).toEqual([symptom, true]);
  });

  const lacks = isMissing('curl') || isMissing('jq');
  test.skipIf(lacks)('prints what comes', { timeout: 180_000 }, async () => {
    const server = await startServer({ 'admin.token': ADMIN_TOKEN, 'trace.topics': 'chat.**' });
    const alice = await connect(server.port, { query: {} });
    await connect(server.port, { user: 'bob' });
    await (await connect(server.port, { user: 'gone' })).close();
    await alice.subscribe('chat.lobby');
    const { data } = await alice.publish('chat.lobby', 'hello');
    const directory = mkdtempSync(join(tmpdir(), 'signalbox-'));
    // Two dozen verbs: built they start in a quarter of the time. The launcher of a checkout has tests of its own.
    symlinkSync(builtLauncher(), join(directory, 'signalbox'));
    const environment = {
      URL: server.url,
      ADMIN_URL: server.url,
      ADMIN_TOKEN,
      JWT_SECRET: SECRET,
      TOKEN: await tokenOf('alice'),
      SERVICE_TOKEN: await tokenOf('shop', { roles: ['service'] }),
      CONNECTION_ID: alice.connected.connection_id,
      MESSAGE_ID: data.id,
    };
    for (const { script, expected } of all) {
      const output = await run(script, directory, environment);
      for (const line of expected) expect(output).toMatch(asPattern(line));
    }
  });
});
