/**
 * What presence costs. Parts: `rest`: commands to Redis at rest with nobody present and with a hundred thousand members.
 * `storm`: the processor time of a server while clients join one topic all at once, without presence, with it, and with
 * everybody reading it. `kill`, `drain`: what readers are told when a node with ten thousand members ends. `counts`: a topic
 * of a hundred thousand members. `pages`: `PresenceGet` while a thousand changes a second are made.
 * Run: node bench/redis/presence.ts [--parts rest,storm,kill,drain,counts,pages] [--members 100000] [--joins 10000] [--rest 20]
 */
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { cpuSeconds } from '../processes.ts';
import { startSignalbox } from '../servers.ts';
import { counts, drain, kill, pages } from './presence-crowds.ts';
import { enter, join, subscribe, type Frames } from './presence-clients.ts';
import { pause, RedisProcess } from './redis-process.ts';

const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: 'rest,storm,kill,drain,counts,pages' },
    members: { type: 'string', default: '100000' },
    joins: { type: 'string', default: '10000' },
    rest: { type: 'string', default: '20' },
  },
});
const TOPICS_OF_EACH = 100;
const SETTLED_MS = 3_000;
const RULES = JSON.stringify([{ pattern: 'bench.**', presence: 'user' }]);
const settings = {
  'topics.rules': RULES,
  'presence.per_connection': String(TOPICS_OF_EACH),
  'presence.changes_per_10_secs': '10000',
  // Redis, the server and the clients share processors here.
  'redis.command_timeout_ms': '10000',
};

const restSecs = Number(values.rest);
const clients = Math.ceil(Number(values.members) / TOPICS_OF_EACH);
const parts: Readonly<Record<string, () => Promise<string | void>>> = {
  rest: atRest,
  storm,
  kill: () => kill(Number(values.joins)),
  drain: () => drain(Number(values.joins)),
  counts: () => counts(Number(values.members)),
  pages,
};
for (const name of values.parts.split(',')) {
  const line = await parts[name]?.();
  if (typeof line === 'string') process.stdout.write(`${line}\n`);
}

async function atRest(): Promise<void> {
  const redis = await RedisProcess.start();
  const look = new Redis({ port: redis.port, host: '127.0.0.1' });
  const server = await startSignalbox({ ...settings, 'redis.url': redis.url });
  const commands = async (): Promise<number> =>
    Number(/total_commands_processed:(\d+)/.exec(await look.info('stats'))?.[1]);
  const measured = async (): Promise<number> => {
    await pause(SETTLED_MS);
    const before = await commands();
    await pause(restSecs * 1_000);
    return (await commands()) - before - 1;
  };
  const idle = await join(server.port, clients, { frames: () => [] });
  const without = await measured();
  for (const socket of idle) socket.destroy();
  const sockets = await join(server.port, clients, {
    frames: () => Array.from({ length: TOPICS_OF_EACH }, (_, topic) => enter(`bench.t${topic}`)),
  });
  const present = await measured();
  process.stdout.write(
    `at rest, ${clients} connections, ${restSecs} s: ${without} commands to Redis with nobody present, ${present} with ${clients * TOPICS_OF_EACH} members\n`,
  );
  for (const socket of sockets) socket.destroy();
  look.disconnect();
  await server.stop();
  await redis.end();
}

async function storm(): Promise<void> {
  const joins = Number(values.joins);
  const cases: readonly (readonly [string, Frames])[] = [
    ['without presence', () => [subscribe('bench.storm')]],
    ['present', () => [subscribe('bench.storm'), enter('bench.storm')]],
    ['present, and all read it', () => [subscribe('bench.storm', '@presence.bench.storm'), enter('bench.storm')]],
  ];
  let first = 0;
  for (const [name, frames] of cases) {
    const redis = await RedisProcess.start();
    const server = await startSignalbox({ ...settings, 'redis.url': redis.url });
    const before = cpuSeconds(server.pid);
    const sockets = await join(server.port, joins, { frames });
    await pause(SETTLED_MS);
    const spent = cpuSeconds(server.pid) - before;
    first ||= spent;
    process.stdout.write(
      `${joins} joins, ${name}: ${spent.toFixed(2)} s of the server's processor time, ${(spent / first).toFixed(2)} x\n`,
    );
    for (const socket of sockets) socket.destroy();
    await server.stop();
    await redis.end();
  }
}
