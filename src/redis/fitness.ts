/** Whether this Redis can carry the service, by what `INFO` says of it. */

import { infoValue } from './vitals.ts';

const MIN_VERSION = 7;

export interface Fitness {
  /** What has to be changed, or `null`. */
  readonly problem: string | null;
  readonly cause: 'version' | 'policy' | null;
  /** Whether the problem is one that a service which runs already goes on with, not ready: nothing is lost yet. */
  readonly isBearable: boolean;
  /** Nothing more can be stored. */
  readonly isFull: boolean;
  /** A replica takes no writes; it may become a primary. */
  readonly isReplica: boolean;
  readonly version: string;
}

/** @param info the sections server, memory and replication of `INFO` */
export function fitnessOf(info: string): Fitness {
  const value = (name: string): string => infoValue(info, name);
  const version = value('redis_version');
  const policy = value('maxmemory_policy');
  const seen = { isReplica: value('role') === 'slave', version, isFull: isFull(value) };
  if (!(Number(version.split('.')[0]) >= MIN_VERSION)) {
    const problem = `expected Redis ${MIN_VERSION}.0 or later, got ${version || 'no version'}`;
    return { ...seen, problem, cause: 'version', isBearable: false };
  }
  if (policy !== 'noeviction') {
    const problem = `expected maxmemory-policy noeviction, got ${policy || 'none'}: any other throws logs away when memory runs short`;
    return { ...seen, problem, cause: 'policy', isBearable: true };
  }
  return { ...seen, problem: null, cause: null, isBearable: true };
}

/** Buffers of replicas and of the append-only file do not count, as Redis itself reckons. */
function isFull(value: (name: string) => string): boolean {
  const limit = Number(value('maxmemory'));
  return limit > 0 && Number(value('used_memory')) - Number(value('mem_not_counted_for_evict')) > limit;
}
