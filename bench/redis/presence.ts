/**
 * What presence costs: commands to Redis at rest with nobody present and with a hundred thousand members, and the processor
 * time of a server while clients join one topic all at once, without presence, with it, and with everybody reading it.
 * Run: node bench/redis/presence.ts [--members 100000] [--joins 10000] [--rest 20]
 */
import { parseArgs } from 'node:util';
import { Redis } from 'ioredis';
import { LeanSocket } from '../../src/load/lean-socket.ts';
import { cpuSeconds } from '../processes.ts';
import { startSignalbox } from '../servers.ts';
import { userTokens } from '../tokens.ts';
import { pause, RedisProcess } from './redis-process.ts';

const { values } = parseArgs({
  options: {
    members: { type: 'string', default: '100000' },
    joins: { type: 'string', default: '10000' },
    rest: { type: 'string', default: '20' },
  },
});
const TOPICS_OF_EACH = 100;
const AT_ONCE = 1_000;
const SETTLED_MS = 3_000;
const RULES = JSON.stringify([{ pattern: 'bench.**', presence: 'user' }]);
const settings = {
  'topics.rules': RULES,
  'presence.per_connection': String(TOPICS_OF_EACH),
  'presence.changes_per_10_secs': '10000',
  // Redis, the server and the clients share processors here.
  'redis.command_timeout_ms': '10000',
};

type Frames = (at: number) => readonly { readonly type: string; readonly data: object }[];

const restSecs = Number(values.rest);
const clients = Math.ceil(Number(values.members) / TOPICS_OF_EACH);
if (restSecs > 0) await atRest();
await storm();

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
  const idle = await join(server.port, clients, () => []);
  const without = await measured();
  for (const socket of idle) socket.destroy();
  const sockets = await join(server.port, clients, () =>
    Array.from({ length: TOPICS_OF_EACH }, (_, topic) => ({
      type: 'Presence',
      data: { topic: `bench.t${topic}`, action: 'enter' },
    })),
  );
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
  const subscribe = (...topics: readonly string[]) => ({ type: 'Subscribe', data: { topics } });
  const enter = { type: 'Presence', data: { topic: 'bench.storm', action: 'enter' } };
  const cases: readonly (readonly [string, Frames])[] = [
    ['without presence', () => [subscribe('bench.storm')]],
    ['present', () => [subscribe('bench.storm'), enter]],
    ['present, and all read it', () => [subscribe('bench.storm', '@presence.bench.storm'), enter]],
  ];
  let first = 0;
  for (const [name, frames] of cases) {
    const redis = await RedisProcess.start();
    const server = await startSignalbox({ ...settings, 'redis.url': redis.url });
    const before = cpuSeconds(server.pid);
    const sockets = await join(server.port, joins, frames);
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

/** Resolves when every client has an answer to each of its frames. */
async function join(port: number, count: number, frames: Frames): Promise<LeanSocket[]> {
  const tokens = await userTokens(count);
  const sockets: LeanSocket[] = [];
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) {
      const at = next;
      next += 1;
      sockets.push(await answered(port, tokens[at] ?? '', frames(at)));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
  return sockets;
}

function answered(port: number, token: string, frames: ReturnType<Frames>): Promise<LeanSocket> {
  return new Promise((resolve, reject) => {
    let open = frames.length;
    const opening = LeanSocket.open({
      host: '127.0.0.1',
      port,
      path: `/ws?token=${token}`,
      onMessage: (bytes, start, end) => {
        const text = bytes.toString('latin1', start, end);
        if (!text.includes('"reply_to"')) return;
        if (text.includes('"type":"Error"')) reject(new Error(text));
        open -= 1;
        if (open === 0) void opening.then(resolve);
      },
    });
    opening.then((socket) => {
      for (const [at, frame] of frames.entries()) socket.send(JSON.stringify({ ...frame, id: String(at) }));
      if (frames.length === 0) resolve(socket);
    }, reject);
  });
}
