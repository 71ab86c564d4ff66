/** Whether this Redis can carry the service, by what `INFO` says of it. */

const MIN_VERSION = 7;

export interface Fitness {
  /** What has to be changed, or `null`. */
  readonly problem: string | null;
  /** A replica takes no writes; it may become a primary. */
  readonly isReplica: boolean;
  readonly version: string;
}

/** @param info the sections server, memory and replication of `INFO` */
export function fitnessOf(info: string): Fitness {
  const value = (name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? '';
  const version = value('redis_version');
  const policy = value('maxmemory_policy');
  const isReplica = value('role') === 'slave';
  if (!(Number(version.split('.')[0]) >= MIN_VERSION))
    return { problem: `expected Redis ${MIN_VERSION}.0 or later, got ${version || 'no version'}`, isReplica, version };
  if (policy !== 'noeviction') {
    const problem = `expected maxmemory-policy noeviction, got ${policy || 'none'}: any other throws logs away when memory runs short`;
    return { problem, isReplica, version };
  }
  return { problem: null, isReplica, version };
}
