/** Redis as a node sees it, or as this machine does when no node can be asked: with its own connection, for one look. */
import { Cluster, type Redis } from 'ioredis';
import { parseRedisUrl, type RedisAddress } from '../config/redis-url.ts';
import { connectCommands } from '../redis/connection.ts';
import { failureOf } from '../redis/failure.ts';
import { Keys } from '../redis/keys.ts';
import type { RedisFacts } from '../redis/link-facts.ts';
import type { AskAll } from '../redis/ask-all.ts';
import { isWhole, lookDeeper, serverFacts } from '../redis/look.ts';
import { away, slow, unfit, type LinkProblem } from '../redis/problem.ts';
import { isRefusedLogin } from '../redis/examination.ts';
import { missingRightsUntouched, rightsProblem } from '../redis/rights.ts';
import { SLOW_MS } from '../redis/vitals.ts';
import type { Clock } from '../telemetry/clock.ts';
import { systemScheduler } from '../telemetry/system-clock.ts';
import { factsOf } from './facts.ts';
import type { Patient } from './patient.ts';

export interface RedisLooked {
  /** The name of a node, or this machine. */
  readonly who: string;
  readonly facts: RedisFacts;
}

const HERE = 'this machine';
/** In the names of keys that there are not. */
const LOOK = 'doctor-looks';
/** For a connection, for an answer, and for all of it, in ms. */
const CONNECT_MS = 1_500;
const ANSWER_MS = 2_500;
const WHOLE_MS = 3_000;

const direct = new WeakMap<Patient, Promise<RedisLooked | null>>();

export const isWholeCluster = isWhole;

/** What the nodes see, where any can be asked; else what this machine does. */
export async function redisLooks(patient: Patient): Promise<readonly RedisLooked[]> {
  // At the same time: where nobody answers, one after the other takes longer than a check may.
  const looking = lookFromHere(patient);
  const { nodes } = await factsOf(patient);
  const seen = nodes.flatMap(({ node, broker }) => (broker ? [{ who: node, facts: broker }] : []));
  if (nodes.length > 0) return seen;
  const here = await looking;
  return here === null ? [] : [here];
}

/** Whether Redis can be reached from this machine and refuses user or password that the configuration has. */
export async function loginRefusedHere(patient: Patient): Promise<boolean> {
  const look = await lookFromHere(patient);
  return look?.facts.problem?.cause === 'password';
}

/** From here: once in an examination. @returns `null` without a `redis.url` */
function lookFromHere(patient: Patient): Promise<RedisLooked | null> {
  let look = direct.get(patient);
  if (look === undefined) direct.set(patient, (look = connectAndLook(patient)));
  return look;
}

async function connectAndLook({ configuration, clock }: Patient): Promise<RedisLooked | null> {
  const { redis } = configuration?.config ?? {};
  if (redis?.url === undefined) return null;
  const address = parseRedisUrl(redis.url);
  const facts = {
    prefix: redis.prefix,
    database: 'db' in address ? address.db : 0,
    latency_ms: null,
    lost: 0,
    timeouts: 0,
    emptied: 0,
    servers: [],
    deep: null,
  };
  const reasons: string[] = [];
  const client = open(address, reasons);
  try {
    return {
      who: HERE,
      facts: { ...facts, ...(await inTime(looked(client, clock, new Keys(redis.prefix, facts.database)))) },
    };
  } catch (error) {
    const reason = reasons.at(-1) ?? (error instanceof Error ? error.message : String(error));
    return { who: HERE, facts: { ...facts, state: 'connecting', problem: problemOf(reason, clock.now()) } };
  } finally {
    client.disconnect();
  }
}

async function looked(client: Redis | Cluster, clock: Clock, keys: Keys) {
  // The library waits for a cluster that is whole.
  if (client instanceof Cluster) client.options.enableReadyCheck = false;
  await client.connect();
  const servers = client instanceof Cluster ? await answering(client.nodes('master')) : [client];
  const ask: AskAll = ([name, ...args]) =>
    Promise.all(servers.map((server) => server.call(name, ...args).catch(failureOf)));
  const startedAt = clock.elapsed();
  await Promise.all(servers.map((server) => server.ping()));
  const ms = Math.round(clock.elapsed() - startedAt);
  const missing = await missingRightsUntouched(ask, keys, LOOK);
  const infos = await Promise.all(servers.map((server) => server.info('all')));
  return {
    state: 'closed',
    problem: problemNow(missing, ms, clock.now()),
    latency_ms: { p50: ms, max: ms },
    servers: infos.map((info) => serverFacts(info, clock.now())),
    deep: await lookDeeper(ask, () => clock.now(), keys.start('stream')),
  };
}

function problemNow(missing: ReadonlySet<string>, ms: number, since: number): LinkProblem | null {
  if (missing.size > 0) return { ...unfit('rights', rightsProblem(missing)), since };
  return ms >= SLOW_MS ? { ...slow(ms), since } : null;
}

/** Without those of a cluster that have gone. */
async function answering(servers: readonly Redis[]): Promise<readonly Redis[]> {
  const alive = await Promise.allSettled(servers.map((server) => server.ping()));
  return servers.filter((_, at) => alive[at]?.status === 'fulfilled');
}

/** A server that is stopped takes connections all the same. */
function inTime<T>(work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = systemScheduler.after(WHOLE_MS, () => reject(new Error('it did not answer in time')));
    work.then(resolve, reject).finally(() => late.cancel());
  });
}

function problemOf(reason: string, since: number): LinkProblem {
  if (isRefusedLogin(reason))
    return { ...unfit('password', 'Redis refuses user or password of redis.url (WRONGPASS or NOAUTH)'), since };
  return { ...away(reason), since };
}

function open(address: RedisAddress, reasons: string[]): Redis | Cluster {
  const client = connectCommands(
    {
      address,
      name: 'signalbox-doctor',
      commandTimeoutMs: ANSWER_MS,
      connectTimeoutMs: CONNECT_MS,
      maxRetryMs: 250,
      random: () => 0,
    },
    'look',
  );
  client.on('error', (error: Error & { readonly lastNodeError?: Error }) =>
    reasons.push((error.lastNodeError ?? error).message),
  );
  return client;
}
