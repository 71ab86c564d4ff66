/**
 * A node with ten thousand streams of events drains while messages flow: what its clients miss, and for how long they hear
 * nothing. Run: node bench/redis/streams.ts [--streams 10000] [--rate 2]
 */
import { parseArgs } from 'node:util';
import { DrainedStream } from '../generator/drained-streams.ts';
import { startSignalbox } from '../servers.ts';
import { benchToken } from '../tokens.ts';
import { joinAs } from './presence-clients.ts';
import { pause, quantile, RedisProcess } from './redis-process.ts';

const { values } = parseArgs({
  options: { streams: { type: 'string', default: '10000' }, rate: { type: 'string', default: '2' } },
});
const TOPIC = 'bench.streams';
const AT_ONCE = 500;
const PATIENCE_MS = 120_000;

const redis = await RedisProcess.start();
const shared = { 'redis.url': redis.url, 'redis.command_timeout_ms': '10000' };
const from = await startSignalbox({ ...shared, 'server.node_name': 'from' });
const to = await startSignalbox({ ...shared, 'server.node_name': 'to' });
const options = { token: await benchToken('reader'), topic: TOPIC, from: from.port, to: to.port };
const streams = Array.from({ length: Number(values.streams) }, () => new DrainedStream(options));
for (let at = 0; at < streams.length; at += AT_ONCE)
  await Promise.all(streams.slice(at, at + AT_ONCE).map((stream) => stream.open()));
await until(() => streams.every(({ last }) => last === 0));

const publisher = await joinAs(to.port, await benchToken('publisher'), 0, { frames: () => [] });
let published = 0;
const publishing = setInterval(
  () => {
    published += 1;
    publisher.send(JSON.stringify({ type: 'Broadcast', data: { topic: TOPIC, payload: published } }));
  },
  1_000 / Number(values.rate),
);
await until(() => streams.every(({ last }) => last > 0));
for (const stream of streams) stream.longestSilenceMs = 0;
const startedMs = performance.now();
process.kill(from.pid, 'SIGTERM');
await until(() => streams.every(({ hasMoved }) => hasMoved));
const tookSecs = ((performance.now() - startedMs) / 1_000).toFixed(1);
clearInterval(publishing);
await until(() => streams.every(({ last }) => last === published));
const silences = streams.map(({ longestSilenceMs }) => longestSilenceMs);
const sum = (of: (stream: DrainedStream) => number): number => streams.reduce((all, stream) => all + of(stream), 0);
process.stdout.write(
  `${streams.length} streams, ${values.rate} messages a second, drained in ${tookSecs} s: ${sum(({ lost }) => lost)} lost, ${sum(({ repeated }) => repeated)} heard again, longest silence of a stream: median ${quantile(silences, 0.5).toFixed(0)} ms, worst ${quantile(silences, 1).toFixed(0)} ms\n`,
);
publisher.destroy();
for (const stream of streams) stream.close();
await Promise.all([from.stop(), to.stop()]);
await redis.end();

async function until(isSo: () => boolean): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (!isSo()) {
    if (performance.now() > deadline) throw new Error('it did not come to that');
    await pause(50);
  }
}
