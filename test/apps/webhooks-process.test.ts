/** The command line with a backend: `kill -9` with events that are not delivered, verbs, and secrets that nobody sees. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { connect } from '../harness/client.ts';
import { eventually } from '../harness/deadline.ts';
import { signalbox, startProcess, type ServerProcess } from '../harness/process.ts';
import { SECRET } from '../harness/tokens.ts';
import { startWebhookBackend, WEBHOOK_SECRET, type BackendEvent } from '../harness/webhook-backend.ts';
import { queueDirectory } from '../harness/webhook-server.ts';

/** Starting a server twice takes its time on a machine that has other things to do. */
const PATIENCE_MS = 30_000;
vi.setConfig({ testTimeout: 3 * PATIENCE_MS });

const TELL = 'apps.webhooks.tell=connected,subscribed,published,node_started';

function argumentsOf(url: string, directory: string, more: readonly string[] = []): string[] {
  const keys = [`apps.webhooks.url=${url}`, `apps.webhooks.queue_dir=${directory}`, TELL, ...more];
  return [...keys, 'apps.webhooks.retry_first_ms=20', 'apps.webhooks.retry_max_ms=100'].flatMap((key) => [
    '--set',
    key,
  ]);
}

const ENVIRONMENT = { SIGNALBOX_APPS_WEBHOOKS_SECRET: WEBHOOK_SECRET };

async function serve(args: readonly string[]): Promise<ServerProcess> {
  const server = await startProcess(args, ENVIRONMENT);
  onTestFinished(() => server.signal('SIGKILL'));
  return server;
}

/** Each event once, in the order in which it came first. */
function distinct(events: readonly BackendEvent[]): BackendEvent[] {
  return [...new Map(events.map((event) => [event.id, event])).values()];
}

test('what was not delivered when the server was killed is delivered after its next start, in order', async () => {
  let isBroken = true;
  const backend = await startWebhookBackend((_call, response) => {
    if (!isBroken) return {};
    response.writeHead(503).end();
    return undefined;
  });
  // None is given up on meanwhile, however long the 50 take.
  const args = argumentsOf(backend.url, queueDirectory(), ['apps.webhooks.attempts=1000']);
  const first = await serve(args);
  const alice = await connect(first.port);
  await alice.subscribe('chat.1');
  for (let n = 0; n < 50; n += 1) await alice.publish('chat.1', n);
  const metrics = async (): Promise<string> => (await fetch(`http://127.0.0.1:${first.port}/metrics`)).text();
  await eventually(
    async () => /signalbox_webhooks_queue_events 53/.test(await metrics()),
    '53 events to wait',
    PATIENCE_MS,
  );
  first.signal('SIGKILL');
  await first.exited;
  isBroken = false;
  await serve(args);
  const events = distinct(await backend.told(54));
  expect(events.map(({ type }) => type)).toEqual([
    'node_started',
    'connected',
    'subscribed',
    ...Array.from({ length: 50 }, () => 'published'),
    'node_started',
  ]);
});

test('killed in the middle of delivering, nothing that was acknowledged is lost and order holds', async () => {
  const backend = await startWebhookBackend();
  const args = argumentsOf(backend.url, queueDirectory(), [
    'apps.webhooks.batch_events=3',
    'apps.webhooks.tell_topics=t',
  ]);
  const first = await serve(args);
  const alice = await connect(first.port);
  const acks = await alice.publishAll(
    't',
    Array.from({ length: 100 }, (_, n) => n),
  );
  first.signal('SIGKILL');
  await first.exited;
  await serve(args);
  await eventually(
    () => backend.events.filter(({ type }) => type === 'node_started').length === 2,
    'the next start',
    PATIENCE_MS,
  );
  const published = distinct(backend.events).filter(({ type }) => type === 'published');
  const sequences = published.map(
    ({ message }) => (message as unknown as { position: { sequence: number } }).position.sequence,
  );
  expect(sequences).toEqual(acks.map((_, at) => at + 1));
});

test('the verbs list dead letters and replay them', async () => {
  let isBroken = true;
  const backend = await startWebhookBackend((_call, response) => {
    if (!isBroken) return {};
    response.writeHead(400).end();
    return undefined;
  });
  const args = argumentsOf(backend.url, queueDirectory());
  const server = await serve(args);
  await connect(server.port);
  const url = `http://127.0.0.1:${server.port}`;
  const verb = (...words: readonly string[]) =>
    signalbox(['webhooks', ...words, '--url', url, ...args], { ...ENVIRONMENT, JWT_SECRET: SECRET });
  const metrics = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();
  await eventually(
    async () => /signalbox_webhooks_dead_letters 2/.test(await metrics()),
    'two dead letters',
    PATIENCE_MS,
  );
  expect(await verb('dead')).toMatchObject({
    code: 0,
    out: expect.stringMatching(/connected {2}rejected: status 400\n.*\n2 of 2 dead letters/) as string,
  });
  expect((await verb('replay')).code).toBe(1);
  isBroken = false;
  expect(await verb('replay', 'all')).toMatchObject({ code: 0, out: expect.stringContaining('2 events') as string });
  await backend.told(2);
  expect((await verb('dead')).out).toContain('0 of 0 dead letters');
});

test('the secret is in no output, and the URL without its path', async () => {
  const other = `whsec_${Buffer.alloc(32, 3).toString('base64')}`;
  const file = join(queueDirectory(), 'signalbox.toml');
  writeFileSync(
    file,
    `[apps.webhooks]\nurl = "https://backend.example/hooks/a-path-that-is-secret"\nsecret = "${WEBHOOK_SECRET}"\nprevious_secret = "${other}"\n`,
  );
  const environment = { JWT_SECRET: 'a secret of the test, of at least 32 bytes', SIGNALBOX_CONFIG: file };
  const printed = await signalbox(['print-config'], environment);
  expect(printed).toMatchObject({ code: 0 });
  expect(printed.out).toContain('[apps.webhooks]');
  for (const secret of [WEBHOOK_SECRET, other, 'a-path-that-is-secret']) expect(printed.out).not.toContain(secret);
});

test('settings that cannot be are told all at once, without the secret', async () => {
  const settings = [
    'apps.webhooks.url=ftp://backend.example/',
    'apps.webhooks.ask=connecting,publishing',
    'apps.webhooks.tell=connected,everything',
    'apps.webhooks.frames=Order',
    'apps.webhooks.concurency=5',
  ].flatMap((key) => ['--set', key]);
  const outcome = await signalbox(['check-config', ...settings], {
    JWT_SECRET: 'a secret of the test, of at least 32 bytes',
    SIGNALBOX_APPS_WEBHOOKS_SECRET: 'not-a-good-secret',
  });
  expect(outcome.code).toBe(2);
  for (const key of ['url', 'tell', 'frames', 'secret', 'concurency'])
    expect(outcome.err + outcome.out).toContain(`apps.webhooks.${key}`);
  expect(outcome.err + outcome.out).not.toContain('not-a-good-secret');
});
