/**
 * From a publish on one node to its receipt on another, at a steady rate, with Redis beside them on the same two cores.
 * Run: node bench/redis/cross-node.ts [--rate 5000] [--seconds 10] [--rounds 3]
 */
import { parseArgs } from 'node:util';
import { LeanSocket } from '../../src/load/lean-socket.ts';
import { startSignalbox } from '../servers.ts';
import { sendSteadily } from '../steady.ts';
import { benchToken } from '../tokens.ts';
import { Arrivals } from './arrivals.ts';
import { median, pause, quantile, RedisProcess } from './redis-process.ts';

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '5000' },
    seconds: { type: 'string', default: '10' },
    rounds: { type: 'string', default: '3' },
  },
});
const rate = Number(values.rate);
const seconds = Number(values.seconds);
const rounds = Number(values.rounds);

const TOPICS = 50;
const SENT_AT = '"at":';
/** What has not come so long after the last publish is missing. */
const SETTLE_MS = 10_000;

const redis = await RedisProcess.start();
const settings = { 'redis.url': redis.url, 'websocket.max_subscriptions': '1000' };
const [a, b] = await Promise.all([startSignalbox(settings, 0), startSignalbox(settings, 1)]);
const path = `/ws?token=${await benchToken('bench')}`;

const arrivals = new Arrivals(() => performance.now());
const reader = await LeanSocket.open({ host: '127.0.0.1', port: b.port, path, onMessage: arrived });
const topics = Array.from({ length: TOPICS }, (_, at) => `bench.t${at}`);
reader.send(JSON.stringify({ type: 'Subscribe', id: 's', data: { topics } }));
const publisher = await LeanSocket.open({ host: '127.0.0.1', port: a.port, path, onMessage: () => {} });
await pause(1_000);
arrivals.begin();
await arrivals.settle(await publishFor(2), SETTLE_MS);

const p99s: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  arrivals.begin();
  const sent = await publishFor(seconds);
  const missing = await arrivals.settle(sent, SETTLE_MS);
  const { latencies } = arrivals;
  p99s.push(quantile(latencies, 0.99));
  process.stdout.write(
    `round ${round + 1}: ${Math.round(sent / seconds)} publishes/s, ${missing} missing, p50 ${quantile(latencies, 0.5).toFixed(2)} ms, p99 ${quantile(latencies, 0.99).toFixed(2)} ms, max ${quantile(latencies, 1).toFixed(1)} ms\n`,
  );
}
process.stdout.write(`median p99 ${median(p99s).toFixed(2)} ms at ${rate} publishes/s (target 5 ms)\n`);
reader.destroy();
publisher.destroy();
await Promise.all([a.stop(), b.stop()]);
await redis.end();

function publishFor(duration: number): Promise<number> {
  return sendSteadily({ rate, seconds: duration }, (number) => {
    const topic = topics[number % TOPICS];
    const padding = 'x'.repeat(150);
    publisher.send(
      `{"type":"Broadcast","data":{"topic":"${topic}","payload":{${SENT_AT}${performance.now()},"p":"${padding}"}}}`,
    );
  });
}

function arrived(bytes: Buffer, start: number, end: number): void {
  const at = bytes.indexOf(SENT_AT, start, 'latin1');
  if (at === -1 || at >= end) return;
  arrivals.arrived(Number.parseFloat(bytes.toString('latin1', at + SENT_AT.length, at + SENT_AT.length + 18)));
}
