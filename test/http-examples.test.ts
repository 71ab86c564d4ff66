/** The examples of HTTP on the pages do what they say: they are typed as printed, and the answers are compared. */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { within } from './harness/deadline.ts';
import { startServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

const PAGES = ['docs/http.md', 'docs/backend.md', 'README.md'] as const;

interface Example {
  readonly command: string;
  readonly answer: string;
}

function examplesOf(page: string): Example[] {
  const text = readFileSync(new URL(`../${page}`, import.meta.url), 'utf8');
  const section = page === 'docs/http.md' ? (text.split('## API for backends')[1] ?? '') : text;
  const typed = section.matchAll(/^\$ (curl .*api.*)\n(.*)$/gm);
  return [...typed].map(([, command = '', answer = '']) => ({ command, answer }));
}

const hasCurl = spawnSync('curl', ['--version']).status === 0;

/** The parts that differ from run to run, by their kind. */
function steady(text: string): string {
  return text
    .replaceAll(/"id":"\d{13}-(\d+)-.{6}"/g, '"id":"<ms>-$1-<topic>"')
    .replaceAll(/"timestamp":\d{13}/g, '"timestamp":"<ms>"')
    .replaceAll(/"epoch":"[\w-]{12}"/g, '"epoch":"<epoch>"');
}

function type(command: string, token: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('bash', ['-c', command], { env: { ...process.env, TOKEN: token } }, (error, output) => {
      if (error === null) resolve(output);
      else reject(error);
    });
  });
}

test('there are examples of every endpoint', () => {
  const commands = examplesOf('docs/http.md')
    .map(({ command }) => command)
    .join('\n');
  for (const path of ['/api/publish', '/history', '/position', '/api/connections', '/api/disconnect', '/api/subscribe'])
    expect(commands).toContain(path);
});

test.skipIf(!hasCurl).each(PAGES)('%s: typed one after the other they are answered as printed', async (page) => {
  const examples = examplesOf(page);
  expect(examples.length).toBeGreaterThan(0);
  const server = await startServer();
  const token = await tokenOf('shop', { roles: ['service'] });
  for (const { command, answer } of examples) {
    const typed = command.replaceAll('localhost:8081', `127.0.0.1:${server.port}`);
    expect(steady(await within(type(typed, token), command))).toBe(steady(answer));
  }
});
