/** docs/http-streams.md: its commands are typed as printed, and answered as printed. */
import { execFile, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { connect } from './harness/client.ts';
import { eventually, within } from './harness/deadline.ts';
import { startServer } from './harness/server.ts';
import { tokenOf } from './harness/tokens.ts';

const PAGE = readFileSync(new URL('../docs/http-streams.md', import.meta.url), 'utf8');
const hasCurl = spawnSync('curl', ['--version']).status === 0;

/** Without the parts that differ from run to run. */
function steady(text: string): string {
  return text
    .replaceAll(/\d{13}-(\d+)-[\w-]{6}/g, '<ms>-$1-<topic>')
    .replaceAll(/"timestamp":\d{13}/g, '"timestamp":"<ms>"')
    .replaceAll(/"server_time":\d{13}/g, '"server_time":"<ms>"')
    .replaceAll(/"epoch":"[\w-]{12}"/g, '"epoch":"<epoch>"')
    .replaceAll(/^id: [\w-]{12}:/gm, 'id: <epoch>:')
    .replaceAll(/retry: \d{4}/g, 'retry: <ms>');
}

function commandsOf(kind: string): { readonly command: string; readonly answer: string }[] {
  return [...PAGE.matchAll(/^\$ (curl .*)\n(.*)$/gm)]
    .map(([, command = '', answer = '']) => ({ command, answer }))
    .filter(({ command }) => command.includes(kind));
}

test.skipIf(!hasCurl).each(['/poll', '/frames'])('%s is answered as printed', async (path) => {
  const server = await startServer();
  const env = { ...process.env, TOKEN: await tokenOf('bob') };
  const examples = commandsOf(path);
  expect(examples).toHaveLength(1);
  for (const { command, answer } of examples) {
    const typed = command.replace('localhost:8081', `127.0.0.1:${server.port}`);
    const got = new Promise<string>((resolve, reject) => {
      execFile('bash', ['-c', typed], { env }, (error, output) => {
        if (error === null) resolve(output);
        else reject(error);
      });
    });
    expect(steady(await within(got, command))).toBe(steady(answer));
  }
});

test.skipIf(!hasCurl)('curl -N shows the stream as printed', async () => {
  const server = await startServer();
  const [{ command } = { command: '' }] = commandsOf('/sse');
  const typed = command.replace('localhost:8081', `127.0.0.1:${server.port}`);
  const child = spawn('bash', ['-c', `exec ${typed}`], { env: { ...process.env, TOKEN: await tokenOf('alice') } });
  onTestFinished(() => void child.kill());
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  await eventually(() => output.includes('"subscribed"'), 'the subscription');
  (await connect(server.port, { user: 'bob' })).send('Broadcast', { topic: 'chat.lobby', payload: 'hello' });
  await eventually(() => /"payload":"hello"[^\n]*\nid: [^\n]*\n\n$/.test(output), 'the message');
  const [, printed = ''] = /```\n(retry: [\s\S]*?)```/.exec(PAGE) ?? [];
  const lines = steady(printed.trimEnd()).split('\n');
  const got = steady(output.trimEnd()).split('\n');
  expect(got).toHaveLength(lines.length);
  for (const [at, line] of lines.entries()) {
    const [begin = '', ...rest] = line.split('…');
    expect(got[at]?.startsWith(begin), `${got[at]} ↔ ${line}`).toBe(true);
    if (rest.length === 0) expect(got[at]).toBe(line);
  }
});
