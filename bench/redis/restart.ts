/**
 * Redis is killed and started again with its data: how long after its first answer does every live topic flow across
 * nodes again? Publishers try again every 20 ms, as clients with a 503 would at the soonest.
 * Run: node bench/redis/restart.ts [--topics 1000] [--rounds 3]
 */
import { parseArgs } from 'node:util';
import { LeanSocket } from '../../src/load/lean-socket.ts';
import { startSignalbox } from '../servers.ts';
import { benchToken } from '../tokens.ts';
import { median, pause, RedisProcess } from './redis-process.ts';

const { values } = parseArgs({
  options: { topics: { type: 'string', default: '1000' }, rounds: { type: 'string', default: '3' } },
});
const count = Number(values.topics);

const redis = await RedisProcess.start(['--appendonly', 'yes', '--appendfsync', 'everysec']);
const settings = { 'redis.url': redis.url, 'websocket.max_subscriptions': '10000' };
const [a, b] = await Promise.all([startSignalbox(settings, 0), startSignalbox(settings, 1)]);
const path = `/ws?token=${await benchToken('bench')}`;
const topics = Array.from({ length: count }, (_, at) => `bench.t${at}`);

/** Topics whose publish of this round waits for its answer or was taken; and those of which it has come. */
const sent = new Set<string>();
const flowing = new Set<string>();
let mark = 'warm';
const reader = await LeanSocket.open({ host: '127.0.0.1', port: b.port, path, onMessage: arrived });
for (let at = 0; at < count; at += 100)
  reader.send(JSON.stringify({ type: 'Subscribe', id: 's', data: { topics: topics.slice(at, at + 100) } }));
const publisher = await LeanSocket.open({ host: '127.0.0.1', port: a.port, path, onMessage: answered });
await pause(1_000);
await untilAllFlow();

const times: number[] = [];
for (let round = 0; round < Number(values.rounds); round += 1) {
  await redis.kill();
  await pause(2_000);
  redis.spawn();
  const answered = await redis.answering();
  mark = `round${round}`;
  flowing.clear();
  sent.clear();
  await untilAllFlow();
  times.push(performance.now() - answered);
  process.stdout.write(
    `round ${round + 1}: all ${count} topics flow ${Math.round(times.at(-1) ?? 0)} ms after Redis answered\n`,
  );
}
process.stdout.write(`median ${Math.round(median(times))} ms (target 1000 ms)\n`);
reader.destroy();
publisher.destroy();
await Promise.all([a.stop(), b.stop()]);
await redis.end();

async function untilAllFlow(): Promise<void> {
  while (flowing.size < count) {
    for (const topic of topics) {
      if (sent.has(topic)) continue;
      sent.add(topic);
      publisher.send(`{"type":"Broadcast","id":"${topic}","data":{"topic":"${topic}","payload":"${mark}"}}`);
    }
    await pause(20);
  }
}

/** A refused publish is sent again. */
function answered(bytes: Buffer, start: number, end: number): void {
  const text = bytes.toString('latin1', start, end);
  const topic = /"reply_to":"(bench\.t\d+)"/.exec(text)?.[1];
  if (topic !== undefined && text.includes('"type":"Error"')) sent.delete(topic);
}

function arrived(bytes: Buffer, start: number, end: number): void {
  const text = bytes.toString('latin1', start, end);
  const topic = /"topic":"(bench\.t\d+)"/.exec(text)?.[1];
  if (topic !== undefined && text.includes(`"${mark}"`)) flowing.add(topic);
}
