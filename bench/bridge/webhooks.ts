/**
 * Webhooks of WhatsApp at a fixed rate: how long until each is answered, which is when the queue has it. The server runs on one
 * core with `works = false`, as a node that takes webhooks alone; what it takes stays in the queue.
 *
 * Run: taskset -c 1 node bench/bridge/webhooks.ts [--rate 2000] [--seconds 20] [--queue redis|rabbitmq|memory] [--url URL]
 * PostgreSQL, and Redis or RabbitMQ unless `--url` names one, are programs of this machine, started for the run.
 */
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { FakeGraphApi, messageOf, newWamid, webhookBody } from '../../test/fakes/graph-api.ts';
import { FakeOpenMessaging } from '../../test/fakes/open-messaging.ts';
import { SEAL_KEYS, writeTenant } from '../../test/harness/bridge-tenant.ts';
import { startPostgresql } from '../../test/harness/postgresql-server.ts';
import { makeRabbitmq } from '../../test/harness/rabbitmq-server.ts';
import { startRedis } from '../../test/harness/redis-server.ts';
import { pause } from '../pause.ts';
import { cpuSecondsAtRest, start } from '../processes.ts';
import { BENCH_SECRET } from '../tokens.ts';
import { Senders, type Answered } from './senders.ts';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '2000' },
    seconds: { type: 'string', default: '20' },
    queue: { type: 'string', default: 'redis' },
    url: { type: 'string' },
  },
});
const RATE = Number(values.rate);
const SECONDS = Number(values.seconds);
const WARM_SECONDS = 3;
const TICK_SECONDS = 0.005;

const [meta, desk, postgresql] = await Promise.all([
  FakeGraphApi.start(),
  FakeOpenMessaging.start(),
  startPostgresql(),
]);
const redis = values.queue === 'redis' && values.url === undefined ? await startRedis() : null;
const rabbitmq = values.queue === 'rabbitmq' && values.url === undefined ? await (await makeRabbitmq()).start() : null;
const database = await postgresql.database();
await writeTenant(database, meta, desk);
const folder = mkdtempSync(join(tmpdir(), 'signalbox-bench-'));
const file = join(folder, 'signalbox.toml');
writeFileSync(file, ['conversations', 'media', 'tenants', 'bridge'].map((app) => `[apps.${app}]\n`).join(''));
const queueUrl = values.url ?? redis?.url ?? rabbitmq?.url;
const settings = {
  'database.url': database,
  'database.migrate': 'true',
  'rate_limiting.enabled': 'false',
  'apps.media.folder': folder,
  'apps.tenants.seal_keys': SEAL_KEYS,
  'apps.bridge.works': 'false',
  'queue.kind': values.queue,
  'queue.max_messages': '10000000',
  ...(values.queue === 'redis' && queueUrl !== undefined && { 'redis.url': queueUrl }),
  ...(values.queue === 'rabbitmq' && queueUrl !== undefined && { 'queue.url': queueUrl }),
};
const words = Object.entries(settings).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
const server = await start({
  argv: ['./signalbox', 'serve', '--host', '127.0.0.1', '--port', '0', '--config', file, ...words],
  env: { JWT_SECRET: BENCH_SECRET },
  ready: /"port":(\d+)/,
});
const senders = new Senders(server.port, 64);

/** Whole requests, made before the time runs. */
function requests(first: number, count: number): readonly Buffer[] {
  return Array.from({ length: count }, (_, at) => {
    const from = String(491_700_000_000 + ((first + at) % 5_000));
    const said = `message ${first + at} `.padEnd(120, '.');
    const message = messageOf(from, newWamid(), { type: 'text', text: { body: said } });
    const body = JSON.stringify(webhookBody(meta.phoneNumberId, { messages: [message] }, from));
    const signature = createHmac('sha256', meta.appSecret).update(body).digest('hex');
    const head = [
      'POST /webhooks/whatsapp HTTP/1.1',
      'host: 127.0.0.1',
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      `x-hub-signature-256: sha256=${signature}`,
    ];
    return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
  });
}

async function run(first: number, seconds: number): Promise<readonly Answered[]> {
  const all = requests(first, seconds * RATE);
  const began = performance.now();
  const answers: Promise<Answered>[] = [];
  while (answers.length < all.length) {
    const due = Math.min(all.length, ((performance.now() - began) / 1_000) * RATE);
    for (const request of all.slice(answers.length, due)) answers.push(senders.send(request));
    await pause(TICK_SECONDS);
  }
  return Promise.all(answers);
}

await run(0, WARM_SECONDS);
const before = cpuSecondsAtRest(server.pid);
const answers = await run(WARM_SECONDS * RATE, SECONDS);
const used = cpuSecondsAtRest(server.pid) - before;
const refused = new Map<number, number>();
for (const { status } of answers) if (status !== 200) refused.set(status, (refused.get(status) ?? 0) + 1);
const good = answers.filter(({ status }) => status === 200).map(({ ms }) => ms);
const sorted = good.toSorted((a, b) => a - b);
const at = (share: number): string => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1);
process.stdout.write(
  `${values.queue}: ${answers.length} webhooks in ${SECONDS} s, ${answers.length - good.length} not answered with 200` +
    `${[...refused].map(([status, count]) => ` (${status}: ${count})`).join('')}; ` +
    `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(0.999_99)} ms; ` +
    `${((used / answers.length) * 1e6).toFixed(0)} µs of the server's processor each\n`,
);
await server.stop();
await Promise.all([meta.stop(), desk.stop()]);
senders.end();
redis?.end();
rabbitmq?.end();
postgresql.end();
rmSync(folder, { recursive: true, force: true });
process.exit(0);
