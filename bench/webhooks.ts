/**
 * What webhooks cost: `node bench/webhooks.ts`. A server and a backend, each a process of its own on this machine, and one
 * client that subscribes, publishes, and counts what the backend was told.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WebSocket } from 'ws';
import { BENCH_SECRET, benchToken } from './tokens.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const WEBHOOK_SECRET = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const ASKED = 3_000;
const PUBLISHED = 30_000;
const WINDOW = 200;

/** Says yes to everything, and how many events it has when it is asked. */
function serveBackend(): void {
  let events = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.method === 'POST') {
        const { data } = JSON.parse(Buffer.concat(chunks).toString()) as { data: { events?: readonly unknown[] } };
        events += data.events?.length ?? 0;
      }
      response.setHeader('content-type', 'application/json');
      response.end(request.method === 'POST' ? '{"allow":true}' : JSON.stringify({ events }));
    });
  }).listen(0, '127.0.0.1', () => {
    process.stdout.write(`port ${(server.address() as { port: number }).port}\n`);
  });
}

async function measure(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'signalbox-bench-'));
  const backend = spawn(process.execPath, [fileURLToPath(import.meta.url), 'backend'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = `http://127.0.0.1:${await portOf(backend, /port (\d+)/)}/`;
  const keys = [
    'topics.subscribe=user',
    'topics.publish=user',
    'rate_limiting.enabled=false',
    `apps.webhooks.url=${url}`,
    'apps.webhooks.ask=subscribing,publishing',
    'apps.webhooks.topics=asked.*',
    'apps.webhooks.tell=published',
    'apps.webhooks.tell_topics=told.*',
    `apps.webhooks.queue_dir=${directory}`,
  ].flatMap((key) => ['--set', key]);
  const env = { ...process.env, JWT_SECRET: BENCH_SECRET, SIGNALBOX_APPS_WEBHOOKS_SECRET: WEBHOOK_SECRET };
  const server = spawn(join(ROOT, 'signalbox'), ['serve', '--host', '127.0.0.1', '--port', '0', ...keys], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    const port = await portOf(server, /"port":(\d+)/);
    const client = await Client.open(`ws://127.0.0.1:${port}/ws`, await benchToken('alice'));
    print('subscribe, not asked', await latencies(client, 'free'));
    print('subscribe, asked', await latencies(client, 'asked'));
    const asked = await rate(ASKED, () => client.ask('Broadcast', { topic: 'asked.x', payload: 'hello' }), 1);
    process.stdout.write(`publish, asked, one after the other: ${asked} a second\n`);
    const startedAt = performance.now();
    const told = await rate(PUBLISHED, () => client.ask('Broadcast', { topic: 'told.x', payload: 'hello' }), WINDOW);
    while ((await eventsAt(url)) < PUBLISHED) await new Promise((resolve) => setTimeout(resolve, 5));
    const all = Math.round(PUBLISHED / ((performance.now() - startedAt) / 1_000));
    process.stdout.write(`publish, told: ${told} a second; until the backend has all events: ${all} a second\n`);
  } finally {
    server.kill('SIGKILL');
    backend.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
}

async function latencies(client: Client, prefix: string): Promise<readonly number[]> {
  const times: number[] = [];
  for (let n = 0; n < ASKED; n += 1) {
    const startedAt = performance.now();
    await client.ask('Subscribe', { topics: [`${prefix}.${n}`] });
    times.push(performance.now() - startedAt);
    await client.ask('Unsubscribe', { topics: [`${prefix}.${n}`] });
  }
  // Those of the beginning are the compiler's.
  return times.slice(ASKED / 3).sort((a, b) => a - b);
}

async function rate(count: number, work: () => Promise<unknown>, atOnce: number): Promise<number> {
  const startedAt = performance.now();
  let started = 0;
  const worker = async (): Promise<void> => {
    while (started < count) {
      started += 1;
      await work();
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return Math.round(count / ((performance.now() - startedAt) / 1_000));
}

function print(what: string, sorted: readonly number[]): void {
  const at = (part: number): string => (sorted[Math.floor(part * sorted.length)] ?? 0).toFixed(2);
  process.stdout.write(`${what}: median ${at(0.5)} ms, p99 ${at(0.99)} ms\n`);
}

async function eventsAt(url: string): Promise<number> {
  return ((await (await fetch(url)).json()) as { readonly events: number }).events;
}

/** Sends frames and waits for their replies. */
class Client {
  private readonly socket: WebSocket;
  private readonly waiting = new Map<string, (frame: unknown) => void>();
  private lastId = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data: Buffer) => {
      const frame = JSON.parse(data.toString()) as { readonly reply_to?: string };
      const answered = this.waiting.get(frame.reply_to ?? '');
      this.waiting.delete(frame.reply_to ?? '');
      answered?.(frame);
    });
  }

  static async open(url: string, token: string): Promise<Client> {
    const socket = new WebSocket(url, 'signalbox.json', { headers: { authorization: `Bearer ${token}` } });
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    return new Client(socket);
  }

  ask(type: string, data: object): Promise<unknown> {
    const id = String((this.lastId += 1));
    this.socket.send(JSON.stringify({ type, id, data }));
    return new Promise((resolve) => this.waiting.set(id, resolve));
  }
}

function portOf(child: ChildProcess, pattern: RegExp): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const match = pattern.exec(text);
      if (match !== null) resolve(Number(match[1]));
    });
    child.once('exit', (code) => reject(new Error(`it ended with ${code}: ${text}`)));
  });
}

// Behind the class, which does not exist before.
if (process.argv[2] === 'backend') serveBackend();
else await measure();
