/** What operators are shown of Redis. Arguments of commands hold what clients say: only the names of commands leave it. */
import type { AskAll } from './ask-all.ts';
import { isFailure } from './command-client.ts';
import { lookAtStreams, type StreamsLook } from './stream-look.ts';
import { infoValue } from './vitals.ts';

/** One server that takes writes, as `INFO` says it. */
export interface RedisServerFacts {
  readonly version: string;
  readonly uptime_secs: number;
  readonly used_bytes: number;
  /** 0: as much as the machine has. */
  readonly max_bytes: number;
  readonly machine_bytes: number;
  readonly policy: string;
  readonly evicted_keys: number;
  readonly keys: number;
  readonly clients: number;
  readonly commands_per_second: number;
  readonly replicas: number;
  readonly append_only: boolean;
  /** `ok`, or what went wrong when data was last written to disk. */
  readonly disk: string;
  /** Whether `INFO` names points at which snapshots were taken; `null` when none ever was. */
  readonly saved_secs_ago: number | null;
  readonly is_cluster: boolean;
}

interface SlowCommand {
  readonly command: string;
  readonly ms: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Nodes that listen on this Redis under one prefix and database number. */
interface Neighbours {
  readonly prefix: string;
  readonly database: number;
  readonly nodes: number;
}

/** What it takes questions to know. */
export interface DeepLook {
  /** The slowest that Redis remembers; `null` when the user of `redis.url` may not ask. */
  readonly slow_log: readonly SlowCommand[] | null;
  readonly neighbours: readonly Neighbours[] | null;
  /** `null` when it is no cluster. */
  readonly cluster: { readonly state: string; readonly slots_ok: number } | null;
  /** `null` when the user of `redis.url` may not ask. */
  readonly streams: StreamsLook | null;
  /** Of the server minus this machine, in ms. */
  readonly clock_ahead_ms: number | null;
}

const SLOW_COMMANDS = 32;
const ALL_SLOTS = 16_384;

export function serverFacts(info: string, now: number): RedisServerFacts {
  const text = (name: string): string => infoValue(info, name);
  const number = (name: string): number => Number(text(name)) || 0;
  const savedAt = number('rdb_last_save_time') * 1_000;
  // Redis counts its start as a save; 0 changes since then are no proof of one.
  const hasSaved = number('rdb_saves') > 0 || text('rdb_last_bgsave_time_sec') !== '-1';
  const statuses = ['rdb_last_bgsave_status', 'aof_last_write_status', 'aof_last_bgrewrite_status'];
  const failed = statuses.filter((name) => !['', 'ok'].includes(text(name)));
  return {
    version: text('redis_version'),
    uptime_secs: number('uptime_in_seconds'),
    used_bytes: number('used_memory'),
    max_bytes: number('maxmemory'),
    machine_bytes: number('total_system_memory'),
    policy: text('maxmemory_policy'),
    evicted_keys: number('evicted_keys'),
    keys: [...info.matchAll(/^db\d+:keys=(\d+)/gm)].reduce((sum, [, keys]) => sum + Number(keys), 0),
    clients: number('connected_clients'),
    commands_per_second: number('instantaneous_ops_per_sec'),
    replicas: number('connected_slaves'),
    append_only: text('aof_enabled') === '1',
    disk: failed.length === 0 ? 'ok' : failed.map((name) => `${name}: ${text(name)}`).join(', '),
    saved_secs_ago: hasSaved && savedAt > 0 ? Math.max(0, Math.round((now - savedAt) / 1_000)) : null,
    is_cluster: text('cluster_enabled') === '1',
  };
}

/** Reads only; what the user of `redis.url` may not ask is `null`. @param now of this machine, in ms since 1970 @param logs what keys of logs begin with */
export async function lookDeeper(ask: AskAll, now: () => number, logs: string): Promise<DeepLook> {
  const askedAt = now();
  const [times, slow, channels, cluster, streams] = await Promise.all([
    ask(['TIME']).then((answers) => ({ answers, middle: (askedAt + now()) / 2 })),
    ask(['SLOWLOG', 'GET', SLOW_COMMANDS]),
    ask(['PUBSUB', 'CHANNELS', '*:view:{*}']),
    ask(['CLUSTER', 'INFO']),
    lookAtStreams(ask, logs),
  ]);
  return {
    slow_log: listsOf(slow) === null ? null : slowest(listsOf(slow) ?? []),
    neighbours: listsOf(channels) === null ? null : neighboursOf((listsOf(channels) ?? []).map(String)),
    cluster: clusterOf(cluster[0]),
    streams,
    clock_ahead_ms: aheadOf(times.answers[0], times.middle),
  };
}

/** @returns `null` when nobody gave a list */
function listsOf(answers: readonly unknown[]): readonly unknown[] | null {
  const lists = answers.filter((answer): answer is unknown[] => Array.isArray(answer));
  return lists.length === 0 ? null : lists.flat();
}

function slowest(entries: readonly unknown[]): readonly SlowCommand[] {
  return entries
    .flatMap((entry): SlowCommand[] => {
      const [, at, micros, words] = entry as readonly unknown[];
      const command = Array.isArray(words) ? String(words[0]).toUpperCase().slice(0, 32) : '?';
      return [{ command, ms: Math.round(Number(micros) / 100) / 10, at: Number(at) * 1_000 }];
    })
    .toSorted((a, b) => b.ms - a.ms)
    .slice(0, 10);
}

/** Every node listens to a channel of its own, `<prefix>[:<database>]:view:{<instance>}`, whatever its database. */
function neighboursOf(channels: readonly string[]): readonly Neighbours[] {
  const counts = new Map<string, number>();
  for (const channel of new Set(channels)) {
    const [, service] = /^(.+):view:\{[^{}]+\}$/.exec(channel) ?? [];
    if (service !== undefined) counts.set(service, (counts.get(service) ?? 0) + 1);
  }
  return [...counts].map(([service, nodes]) => {
    const [, prefix = service, database = '0'] = /^(.*?)(?::(\d+))?$/.exec(service) ?? [];
    return { prefix, database: Number(database), nodes };
  });
}

function clusterOf(answer: unknown): DeepLook['cluster'] {
  if (isFailure(answer) || typeof answer !== 'string') return null;
  const state = infoValue(answer, 'cluster_state');
  return state === '' ? null : { state, slots_ok: Number(infoValue(answer, 'cluster_slots_ok')) };
}

/** Whether every slot of a cluster has a server. */
export function isWhole({ state, slots_ok: slots }: NonNullable<DeepLook['cluster']>): boolean {
  return state === 'ok' && slots === ALL_SLOTS;
}

function aheadOf(answer: unknown, now: number): number | null {
  if (!Array.isArray(answer)) return null;
  const [seconds, micros] = answer.map(Number);
  return Math.round((seconds ?? 0) * 1_000 + (micros ?? 0) / 1_000 - now);
}
