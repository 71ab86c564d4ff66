/**
 * Clients that come back all at once, each having missed a hundred messages of its topic: how many reads of streams does
 * that cost Redis? Counted by Redis itself, the reads inside scripts included; nothing is published meanwhile.
 * Run: node bench/redis/storm.ts [--clients 10000] [--topics 100]
 */
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { LeanSocket } from '../../src/load/lean-socket.ts';
import { startSignalbox } from '../servers.ts';
import { benchToken } from '../tokens.ts';
import { pause, RedisProcess } from './redis-process.ts';

const { values } = parseArgs({
  options: { clients: { type: 'string', default: '10000' }, topics: { type: 'string', default: '100' } },
});
const clients = Number(values.clients);
const count = Number(values.topics);
const MISSED = 100;
/** Handshakes under way. */
const AT_ONCE = 200;

const redis = await RedisProcess.start();
const look = new Redis({ port: redis.port, host: '127.0.0.1' });
const settings = { 'redis.url': redis.url };
const [a, b] = await Promise.all([startSignalbox(settings, 0), startSignalbox(settings, 1)]);
const path = `/ws?token=${await benchToken('bench')}`;
const epochs = new Map<string, string>();

await publishAll();
const before = await streamReads();
const started = performance.now();
let delivered = 0;
let next = 0;
const sockets: LeanSocket[] = [];
await Promise.all(Array.from({ length: AT_ONCE }, () => comeBack()));
await until(() => delivered >= clients * MISSED);
const elapsed = (performance.now() - started) / 1_000;
const reads = (await streamReads()) - before;
process.stdout.write(
  `${clients} reconnects x ${MISSED} missed messages on ${count} topics: ${reads} stream reads (target below 1000), ${clients * MISSED - delivered} messages missing, ${elapsed.toFixed(1)} s\n`,
);
for (const socket of sockets) socket.destroy();
await Promise.all([a.stop(), b.stop()]);
look.disconnect();
await redis.end();

/** A hundred messages a topic, through the node that the clients were on before. */
async function publishAll(): Promise<void> {
  let acknowledged = 0;
  const publisher = await LeanSocket.open({
    host: '127.0.0.1',
    port: a.port,
    path,
    onMessage: (bytes, start, end) => {
      const text = bytes.toString('latin1', start, end);
      if (!text.includes('"type":"Ack"')) return;
      acknowledged += 1;
      const { data } = JSON.parse(text) as { data: { topic: string; epoch: string } };
      epochs.set(data.topic, data.epoch);
    },
  });
  for (let message = 0; message < MISSED; message += 1) {
    for (let topic = 0; topic < count; topic += 1)
      publisher.send(`{"type":"Broadcast","id":"p","data":{"topic":"bench.t${topic}","payload":"${'x'.repeat(100)}"}}`);
    const expected = (message + 1) * count;
    await until(() => acknowledged >= expected);
  }
  publisher.destroy();
}

async function comeBack(): Promise<void> {
  while (next < clients) {
    const topic = `bench.t${next % count}`;
    next += 1;
    await new Promise<void>((resolve, reject) => {
      let own = 0;
      const opening = LeanSocket.open({
        host: '127.0.0.1',
        port: b.port,
        path,
        onMessage: (bytes, start, end) => {
          if (!bytes.toString('latin1', start, Math.min(end, start + 30)).includes('"Broadcast"')) return;
          delivered += 1;
          own += 1;
          if (own === MISSED) resolve();
        },
      });
      opening.then((socket) => {
        sockets.push(socket);
        const entry = { topic, epoch: epochs.get(topic), sequence: 0 };
        socket.send(JSON.stringify({ type: 'Subscribe', id: 's', data: { topics: [entry] } }));
      }, reject);
    });
  }
}

/** Or until a minute has passed: what is missing then is reported. */
async function until(isDone: () => boolean): Promise<void> {
  for (const started = performance.now(); !isDone() && performance.now() - started < 60_000;) await pause(1);
}

async function streamReads(): Promise<number> {
  const stats = await look.info('commandstats');
  return [...stats.matchAll(/cmdstat_(?:xrange|xrevrange|xread):calls=(\d+)/g)].reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  );
}
