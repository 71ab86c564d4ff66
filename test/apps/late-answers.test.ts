/** Answers that come in a later turn than their request are written inside corks: the library prints a warning for each that is not. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { connect } from '../harness/client.ts';
import { startProcess } from '../harness/process.ts';
import { handshake } from '../harness/raw.ts';
import { tokenOf } from '../harness/tokens.ts';

const directory = mkdtempSync(join(tmpdir(), 'signalbox-late-'));
const MODULE = join(directory, 'late.ts');
afterAll(() => rmSync(directory, { recursive: true }));
writeFileSync(
  MODULE,
  `const later = (answer) => new Promise((resolve) => setTimeout(() => resolve(answer), 5));
  async function* pieces() {
    for (const piece of ['one', 'two']) yield await later(piece);
  }
  export const app = {
    name: 'late',
    start: (host) => ({
      frames: { 'X-Late': host.frame({ handle: () => later({}) }) },
      routes: [
        host.route({ method: 'GET', path: '/apps/late/text', access: 'public', summary: '.', handle: () => later({ body: 'late' }) }),
        host.route({ method: 'GET', path: '/apps/late/stream', access: 'public', summary: '.', handle: () => later({ body: pieces() }) }),
      ],
      topics: [{ pattern: 'late.*', mayAct: () => later(true), publishing: () => later(undefined) }],
      hooks: {
        connecting: ({ principal }) =>
          later(principal.user === 'mallory' ? host.refuse('not_allowed', 'no') : { subscribe: ['late.own'] }),
      },
    }),
  };`,
);

test('admission, refusal, frames, decisions, routes and streams print no warning of the library', async () => {
  const server = await startProcess(['--set', `apps.modules=${MODULE}`]);
  // A late upgrade on a node without any other client.
  const first = await connect(server.port, { user: 'first' });
  for (let at = 0; at < 10; at += 1) {
    const client = await connect(server.port, { user: `user-${at}` });
    await client.ask('X-Late', undefined);
    await client.subscribe('late.a');
    await client.publish('late.a', at);
    expect((await client.next('Broadcast')).data.payload).toBe(at);
  }
  const refused = await handshake(server.port, { authorization: `Bearer ${await tokenOf('mallory')}` });
  expect(refused.status).toBe(403);
  for (const path of ['text', 'stream']) {
    const response = await fetch(`http://127.0.0.1:${server.port}/apps/late/${path}`);
    expect(await response.text()).toBe(path === 'text' ? 'late' : 'onetwo');
    expect((await fetch(`http://127.0.0.1:${server.port}/apps/late/${path}`, { method: 'HEAD' })).status).toBe(200);
  }
  expect(first.isClosed).toBe(false);
  await server.end();
  expect(server.errors).not.toContain('corked callback');
});
