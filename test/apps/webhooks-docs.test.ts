/** The page for backend teams, held against the server: its programs run as backends, its examples are what is sent. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { keyOf, Signer } from '../../src/apps/webhooks/signature.ts';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { freePort } from '../harness/free-port.ts';
import { isMissing } from '../harness/tools.ts';
import { startWebhookBackend, WEBHOOK_SECRET, type BackendEvent } from '../harness/webhook-backend.ts';
import { queueDirectory, startWebhookServer } from '../harness/webhook-server.ts';

const PAGE = readFileSync(fileURLToPath(new URL('../../docs/webhooks.md', import.meta.url)), 'utf8');
const ASK = ['connecting', 'subscribing', 'presence', 'publishing'];
const TELL = ['connected', 'disconnected', 'subscribed', 'unsubscribed', 'published', 'node_started'];

function blocks(language: string): string[] {
  return [...PAGE.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, 'gms'))].map(([, text]) => text ?? '');
}

interface Example {
  readonly type: string;
  readonly data: { readonly events?: readonly BackendEvent[] };
}

/** Names of fields and types of values, all the way down. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? [] : [shapeOf(value[0])];
  if (typeof value !== 'object' || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, shapeOf(field)]));
}

test('the examples are what is sent: the same fields, in the same order', async () => {
  const backend = await startWebhookBackend(({ type }) => (type === 'events' ? {} : { allow: true }));
  const webhooks = { ask: ASK, topics: ['chat.**'], frames: ['X-Order'], tell: TELL, tell_payloads: true };
  const server = await startWebhookServer(backend, webhooks, { 'topics.presence': 'user' });
  const alice = await connect(server.port);
  await alice.subscribe('chat.1');
  const message = { topic: 'chat.1', payload: { text: 'hello' }, idempotency_key: 'order-17' };
  expect((await alice.ask('Broadcast', message, { id: 'm-1' })).type).toBe('Ack');
  await alice.ask('Presence', { topic: 'chat.1', action: 'enter' });
  await alice.ask('X-Order', { item: 'tea' });
  await alice.ask('Unsubscribe', { topics: ['chat.1'] });
  await alice.close(1000);
  const told = await backend.told(6);
  const examples = blocks('json').map((text) => JSON.parse(text) as Example);
  const questions = examples.filter(({ type }) => type !== 'events');
  expect(questions.map(({ type }) => type)).toEqual([...ASK, 'frame']);
  for (const example of questions) {
    const [sent] = backend.ofType(example.type);
    const { type, timestamp, data } = sent ?? { type: '', timestamp: '', data: {} };
    expect(JSON.stringify(shapeOf({ type, timestamp, data })), type).toBe(JSON.stringify(shapeOf(example)));
  }
  const events = examples.find(({ type }) => type === 'events')?.data.events ?? [];
  expect(new Set(events.map(({ type }) => type))).toEqual(new Set(TELL));
  for (const example of events) {
    const sent = told.find(({ type }) => type === example.type);
    expect(JSON.stringify(shapeOf(sent)), example.type).toBe(JSON.stringify(shapeOf(example)));
  }
});

describe.each([
  { language: 'python', program: 'python3', name: 'backend.py', words: [], isThere: !isMissing('python3') },
  { language: 'js', program: process.execPath, name: 'backend.mjs', words: [], isThere: true },
  { language: 'go', program: 'go', name: 'backend.go', words: ['run'], isThere: !isMissing('go') },
])('the program in $language', ({ language, program, name, words, isThere }) => {
  test.skipIf(!isThere)(
    'is a backend: it verifies, answers and is told',
    async () => {
      const directory = queueDirectory();
      const file = join(directory, name);
      writeFileSync(file, blocks(language)[0] ?? '');
      const port = await freePort();
      const child = spawn(program, [...words, file], {
        env: { ...process.env, PORT: String(port), WEBHOOK_SECRET },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      const exited = once(child, 'exit');
      onTestFinished(async () => {
        child.kill('SIGKILL');
        await exited;
      });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)));
      const url = `http://127.0.0.1:${port}/`;
      await eventually(() => isAnswering(url), `the program to answer; it says ${output}`, 30_000);
      await expectVerification(url);

      const server = await startWebhookServer({ url }, { ask: ASK, topics: ['chat.**', 'private.*'], tell: TELL });
      const alice = await connect(server.port);
      const rejected = language === 'go' ? [] : [{ topic: 'private.1', reason: 'not_allowed' }];
      expect(await alice.subscribe('chat.1', 'private.1')).toMatchObject({ rejected });
      expect((await alice.publish('chat.1', 1)).type).toBe('Ack');
      const delivered = async (): Promise<boolean> =>
        (await server.metric('signalbox_webhooks_events_delivered_total')) >= 4;
      await eventually(delivered, `events to be delivered; it says ${output}`);
      if (language !== 'go') await eventually(() => /-\d+ published/.test(output), `it to print them: ${output}`);
    },
    60_000,
  );
});

async function isAnswering(url: string): Promise<boolean> {
  try {
    await post(url, '{"type":"connecting","data":{}}');
    return true;
  } catch {
    return false;
  }
}

async function post(
  url: string,
  body: string,
  headers: Readonly<Record<string, string>> = signed(body),
): Promise<number> {
  return (await fetch(url, { method: 'POST', body, headers })).status;
}

function signed(body: string, at = Date.now()): Readonly<Record<string, string>> {
  return new Signer([keyOf(WEBHOOK_SECRET) ?? Buffer.alloc(0)]).headers('id', at, Buffer.from(body));
}

/** Signed bytes are accepted; tampered bytes, another key, an old recording and a second signature besides are told apart. */
async function expectVerification(url: string): Promise<void> {
  const body = '{"type":"connecting","data":{"user":"alice"}}';
  expect(await post(url, body)).toBe(200);
  expect(await post(url, body.replace('alice', 'mallory'), signed(body))).toBe(401);
  expect(await post(url, body, signed(body, Date.now() - 600_000))).toBe(401);
  const other = new Signer([Buffer.alloc(32, 9)]).headers('id', Date.now(), Buffer.from(body));
  expect(await post(url, body, other)).toBe(401);
  const both = new Signer([Buffer.alloc(32, 9), keyOf(WEBHOOK_SECRET) ?? Buffer.alloc(0)]);
  expect(await post(url, body, both.headers('id', Date.now(), Buffer.from(body))), 'while secrets are rotated').toBe(
    200,
  );
}

test('the page names every metric, and no other', async () => {
  const backend = await startWebhookBackend();
  const server = await startWebhookServer(backend, { ask: ASK, topics: ['chat.**'], tell: TELL });
  const text = await (await server.get('/metrics')).text();
  const served = [...text.matchAll(/^# TYPE signalbox_webhooks_(\w+)/gm)].map(([, name]) => name ?? '');
  const section = PAGE.slice(PAGE.indexOf('## Watching it'), PAGE.indexOf('## Figures'));
  const rows = section.split('\n').filter((line) => line.startsWith('| `'));
  const named = rows.flatMap((line) =>
    [...(line.split('|')[1] ?? '').matchAll(/`(\w+)`/g)].map(([, name]) => name ?? ''),
  );
  expect(named.sort()).toEqual(served.sort());
});
