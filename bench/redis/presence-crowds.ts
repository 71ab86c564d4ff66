/** What readers are told when a node with many members ends, and what a very large topic costs. */
import { Redis } from 'ioredis';
import { RedisPresenceStore } from '../../src/presence/redis-presence.ts';
import type { PresenceChange } from '../../src/presence/presence-store.ts';
import { systemRandom } from '../../src/telemetry/system-clock.ts';
import type { LeanSocket } from '../../src/load/lean-socket.ts';
import type { ServerProcess } from '../processes.ts';
import { startSignalbox } from '../servers.ts';
import { benchToken, userTokens } from '../tokens.ts';
import { benchLink } from './link.ts';
import { enter, join, joinAs, subscribe, type ClientFrame } from './presence-clients.ts';
import { pause, quantile, RedisProcess } from './redis-process.ts';

const T = 'bench.crowd';
const SETTINGS = {
  'topics.rules': JSON.stringify([{ pattern: 'bench.**', presence: 'user' }]),
  'presence.changes_per_10_secs': '10000',
  'redis.command_timeout_ms': '10000',
};
const MODE = { from: 200, below: 150 };
const OWNER = 'bench.1';
const CHANGES = 1_000;
const QUIET_MS = 60_000;

interface Told {
  readonly count: number;
  readonly entered?: number;
  readonly left?: number;
  readonly changes?: readonly { readonly op: string; readonly user: string; readonly data?: unknown }[];
}

interface Seen {
  readonly atMs: number;
  readonly bytes: number;
  readonly sequence: number;
  readonly told: Told;
}

interface Scene {
  readonly redis: RedisProcess;
  readonly victim: ServerProcess;
  readonly witness: ServerProcess;
  readonly reader: LeanSocket;
  readonly seen: Seen[];
  readonly end: () => Promise<void>;
}

/** Two nodes, of which the second has somebody who reads. */
async function scene(): Promise<Scene> {
  const redis = await RedisProcess.start();
  const [victim, witness] = [
    await startSignalbox({ ...SETTINGS, 'redis.url': redis.url, 'server.node_name': 'victim' }),
    await startSignalbox({ ...SETTINGS, 'redis.url': redis.url, 'server.node_name': 'witness' }),
  ];
  const seen: Seen[] = [];
  const reader = await joinAs(witness.port, await benchToken('reader'), 0, {
    frames: () => [subscribe(`@presence.${T}`)],
    onText: (text) => {
      if (!text.startsWith('{"type":"Broadcast"')) return;
      const { data } = JSON.parse(text) as { data: { payload: Told; sequence: number } };
      const { payload: told, sequence } = data;
      seen.push({ atMs: performance.now(), bytes: Buffer.byteLength(text), sequence, told });
    },
  });
  const end = async (): Promise<void> => {
    reader.destroy();
    await Promise.all([victim.stop(), witness.stop()]);
    await redis.end();
  };
  return { redis, victim, witness, reader, seen, end };
}

const lost = (seen: readonly Seen[]): readonly Seen[] =>
  seen.filter(({ told: { left = 0, changes = [] } }) => left > 0 || changes.some(({ op }) => op === 'leave'));

export async function kill(members: number): Promise<string> {
  const { victim, seen, end } = await scene();
  await join(victim.port, members, { frames: () => [enter(T)] });
  await until(() => seen.at(-1)?.told.count === members);
  const before = seen.length;
  const killedMs = performance.now();
  process.kill(victim.pid, 'SIGKILL');
  await until(() => seen.at(-1)?.told.count === 0);
  await pause(10_000);
  const after = seen.slice(before);
  const left = after.reduce((sum, { told: { left: some = 0 } }) => sum + some, 0);
  const secs = (one: Seen | undefined): string => (((one?.atMs ?? 0) - killedMs) / 1_000).toFixed(1);
  await end();
  const bytes = after.reduce((sum, one) => sum + one.bytes, 0);
  return `kill -9 of a node with ${members} members: ${after.length} messages of ${bytes} bytes together, ${left} leaves, the first after ${secs(after[0])} s, the last after ${secs(after.at(-1))} s`;
}

export async function drain(members: number): Promise<string> {
  const { victim, witness, seen, end } = await scene();
  let back = 0;
  const tokens = await userTokens(members);
  const goBack = (at: number): void => {
    void joinAs(witness.port, tokens[at] ?? '', at, { frames: () => [enter(T)] }).then(() => (back += 1));
  };
  await join(victim.port, members, { frames: () => [enter(T)], onClose: goBack });
  await until(() => seen.at(-1)?.told.count === members);
  const before = seen.length;
  process.kill(victim.pid, 'SIGTERM');
  await until(() => back === members);
  // What the drained node left is removed meanwhile: lease, grace, and looks.
  await pause(QUIET_MS);
  const after = seen.slice(before);
  await end();
  return `drain of a node with ${members} members that come back elsewhere: ${lost(after).length} messages with leaves, ${after.length} in all`;
}

/** A topic of so many members, of a node that the benchmark plays. */
export async function counts(members: number): Promise<string> {
  const { redis, witness, seen, end } = await scene();
  const player = await play(redis);
  const empty = await player.memory();
  for (let at = 0; at < members; at += CHANGES)
    await player.apply(Array.from({ length: CHANGES }, (_, of) => comes(at + of)));
  const held = await player.memory();
  const batches: number[] = [];
  for (let round = 0; round < 20; round += 1) {
    const startedMs = performance.now();
    await player.apply(Array.from({ length: CHANGES }, (_, at) => (round % 2 === 0 ? goes(at) : comes(at))));
    batches.push(performance.now() - startedMs);
  }
  await until(() => seen.at(-1)?.told.count === members);
  const ask = asker(witness.port);
  const counted = await timed(50, () => ask({ type: 'PresenceGet', data: { topics: [T] } }));
  const paged = await timed(50, () => ask({ type: 'PresenceGet', data: { topic: T, limit: 500 } }));
  const largest = Math.max(...seen.slice(-20).map(({ bytes }) => bytes));
  player.end();
  await end();
  return `a topic of ${members} members: ${Math.round((held - empty) / members)} bytes of Redis each, a batch of ${CHANGES} changes ${median(batches)} ms and at most ${largest} bytes to a reader, PresenceGet of the count ${median(counted)} ms, of a topic beyond max_members_listed ${median(paged)} ms`;
}

/** Members are read page by page while others come, go, and change what they say. */
export async function pages(): Promise<string> {
  const members = 5_000;
  const secs = 10;
  const { redis, witness, seen, end } = await scene();
  const player = await play(redis, { from: 1e9, below: 1e9 });
  const truth = new Set<string>();
  for (let at = 0; at < members; at += CHANGES)
    await player.apply(Array.from({ length: CHANGES }, (_, of) => comes(at + of)));
  for (let at = 0; at < members; at += 1) truth.add(`m${at}`);
  let changed = 0;
  const startedMs = performance.now();
  const changing = (async () => {
    while (performance.now() - startedMs < secs * 1_000) {
      const wanted = performance.now() - startedMs - changed;
      if (wanted >= 10) {
        const some = Array.from({ length: Math.floor(wanted) }, (): PresenceChange => {
          const at = changed % members;
          const isThere = truth.has(`m${at}`);
          if (isThere) truth.delete(`m${at}`);
          else truth.add(`m${at}`);
          changed += 1;
          return isThere ? goes(at) : comes(at);
        });
        await player.apply(some);
      }
      await pause(5);
    }
  })();
  const ask = asker(witness.port);
  const took: number[] = [];
  let found = new Map<string, number>();
  let walks = 0;
  while (performance.now() - startedMs < secs * 1_000) {
    found = new Map();
    let after: string | undefined;
    do {
      const askedMs = performance.now();
      const details = await ask({
        type: 'PresenceGet',
        data: { topic: T, limit: 500, ...(after !== undefined && { after }) },
      });
      took.push(performance.now() - askedMs);
      for (const { user, sequence } of details.members ?? []) found.set(user, sequence);
      after = details.next;
    } while (after !== undefined);
    walks += 1;
  }
  await changing;
  const last = (await ask({ type: 'PresenceGet', data: { topic: T, limit: 1 } })).position.sequence;
  await until(() => seen.at(-1)?.sequence === last);
  for (const { sequence, told } of seen)
    for (const { op, user } of told.changes ?? []) {
      if (sequence <= (found.get(user) ?? 0)) continue;
      if (op === 'leave') found.delete(user);
      else found.set(user, sequence);
    }
  const wrong =
    [...truth].filter((user) => !found.has(user)).length + [...found.keys()].filter((user) => !truth.has(user)).length;
  player.end();
  await end();
  return `PresenceGet of 500 of ${members} while ${Math.round(changed / secs)} changes a second are made: median ${median(took)} ms, 99 % ${quantile(took, 0.99).toFixed(1)} ms, ${walks} walks over all pages; after the last one and the changes since ${wrong} members are wrong`;
}

function comes(at: number): PresenceChange {
  return { op: 'enter', entry: `c${at}`, member: `m${at}`, who: `"user":"m${at}"`, data: '{}' };
}

function goes(at: number): PresenceChange {
  return { op: 'leave', entry: `c${at}`, reason: 'left' };
}

interface Player {
  apply(changes: readonly PresenceChange[]): Promise<void>;
  memory(): Promise<number>;
  end(): void;
}

/** A node without clients, whose lease does not end before the benchmark. */
async function play(redis: RedisProcess, mode = MODE): Promise<Player> {
  const link = benchLink(redis.url, 'signalbox');
  const kept = { messages: 1_000, ageMs: 600_000, bytes: 67_108_864 };
  const store = new RedisPresenceStore({ mode, retention: kept, metaTtlMs: 3_600_000 }, link, systemRandom);
  await link.start();
  const bare = new Redis({ port: redis.port, host: '127.0.0.1' });
  await bare.set(link.keys.key('node', '', 'bench'), '{}', 'PX', 3_600_000);
  return {
    apply: (changes) =>
      new Promise((resolve, reject) => {
        store.apply({ topic: T, owner: OWNER, changes, isLast: false }, (answer) =>
          answer === 'gone' || 'reason' in answer ? reject(new Error(JSON.stringify(answer))) : resolve(),
        );
      }),
    memory: async () => Number(/used_memory:(\d+)/.exec(await bare.info('memory'))?.[1]),
    end: () => {
      bare.disconnect();
      link.stop();
    },
  };
}

interface Details {
  readonly position: { readonly sequence: number };
  readonly members?: readonly { readonly user: string; readonly sequence: number }[];
  readonly next?: string;
}

/** A client that asks one thing after the other. */
function asker(port: number): (frame: ClientFrame) => Promise<Details> {
  let answered: (details: Details) => void = () => {};
  const onText = (text: string): void => {
    const { reply_to: id, data } = JSON.parse(text) as { reply_to?: string; data: { details: Details } };
    if (id !== undefined) answered(data.details);
  };
  const client = benchToken('asker').then((token) => joinAs(port, token, 0, { frames: () => [], onText }));
  return async (frame) => {
    const socket = await client;
    return new Promise((resolve) => {
      answered = resolve;
      socket.send(JSON.stringify({ ...frame, id: 'ask' }));
    });
  };
}

async function timed(times: number, work: () => Promise<unknown>): Promise<number[]> {
  const took: number[] = [];
  for (let at = 0; at < times; at += 1) {
    const startedMs = performance.now();
    await work();
    took.push(performance.now() - startedMs);
  }
  return took;
}

function median(numbers: readonly number[]): string {
  return quantile(numbers, 0.5).toFixed(1);
}

async function until(isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo(); waited += 1) {
    if (waited > 3_000) throw new Error('it did not come to that within five minutes');
    await pause(100);
  }
}
