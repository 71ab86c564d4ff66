/** Settings of Redis that matter when memory runs short or a machine fails: version, policy, memory, disk, replicas. */
import type { Check } from '../../check.ts';
import { mebibytes, percent } from '../../each-node.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';
import type { Patient } from '../../patient.ts';
import { redisLooks, type RedisLooked } from '../../redis-look.ts';

type Server = RedisLooked['facts']['servers'][number];

const MIN_VERSION = 7;
const NEARLY_FULL = 80;

export const redisVersion: Check = {
  name: 'redis.version',
  looksAt: 'The version of Redis.',
  needs: ['redis'],
  run: (patient) =>
    eachServer(patient, ({ version }) => [
      Number(version.split('.')[0]) >= MIN_VERSION
        ? ok(`Redis ${version}`)
        : fail(`expected Redis ${MIN_VERSION}.0 or later, got ${version || 'no version'}`, 'upgrade Redis'),
    ]),
};

export const redisEviction: Check = {
  name: 'redis.eviction',
  looksAt: 'Whether Redis throws keys away when memory runs short, and whether it ever did.',
  needs: ['redis'],
  run: (patient) =>
    eachServer(patient, ({ policy, evicted_keys: evicted }) => {
      if (policy !== 'noeviction' && policy !== '')
        return [
          fail(
            `expected maxmemory-policy noeviction, got ${policy}: any other throws histories away when memory runs short`,
            'redis-cli CONFIG SET maxmemory-policy noeviction, and the same in redis.conf',
          ),
        ];
      if (evicted > 0)
        return [
          warn(
            `Redis has thrown away ${evicted} keys since it started`,
            'raise maxmemory: histories may be among them',
          ),
        ];
      return [ok('nothing is thrown away (noeviction)')];
    }),
};

export const redisMemory: Check = {
  name: 'redis.memory',
  looksAt: 'How much memory Redis has left until it refuses everything that stores.',
  needs: ['redis'],
  run: (patient) =>
    eachServer(patient, ({ used_bytes: used, max_bytes: most, machine_bytes: machine, keys }) => {
      const limit = most === 0 ? machine : most;
      const full = percent(used, limit);
      const says = `${mebibytes(used)} of ${mebibytes(limit)} used (${full} %), ${keys} keys`;
      const cure = 'raise maxmemory, or shorten topics.history, topics.age_secs, topics.max_bytes';
      if (full >= 100) return [fail(`${says}: nothing can be stored`, cure)];
      if (full >= NEARLY_FULL) return [warn(says, cure)];
      if (most > 0) return [ok(says)];
      return [
        warn(
          `${says}, and no maxmemory: the kernel ends Redis when the machine is full`,
          'redis-cli CONFIG SET maxmemory to less than the machine has',
        ),
      ];
    }),
};

export const redisPersistence: Check = {
  name: 'redis.persistence',
  looksAt: 'Whether Redis keeps its data when its process or its machine fails: disk, replicas, redis.wait_replicas.',
  needs: ['redis'],
  run: (patient) => eachServer(patient, (server) => persistence(server, patient)),
};

function persistence(server: Server, { configuration }: Patient): readonly Observation[] {
  const { append_only: isAppendOnly, disk, replicas, saved_secs_ago: saved } = server;
  const wanted = configuration?.config?.redis.wait_replicas ?? 0;
  if (wanted > replicas)
    return [
      fail(
        `redis.wait_replicas wants ${wanted} replicas, Redis has ${replicas}: every publish is told outcome_unknown`,
        'add a replica, or lower redis.wait_replicas',
      ),
    ];
  if (disk !== 'ok')
    return [fail(`Redis cannot write its data to disk: ${disk}`, 'look at its log, and at room on its disk')];
  const copies = `${replicas} replicas`;
  if (isAppendOnly) return [ok(`every change is written to disk (appendonly), ${copies}`)];
  if (replicas > 0) return [ok(`${copies}, and snapshots only`)];
  const lost = saved === null ? 'everything' : `what came since the last snapshot, ${saved} s ago`;
  return [
    warn(
      `Redis has no replica and appendonly is off: its end loses ${lost}`,
      'redis-cli CONFIG SET appendonly yes, and the same in redis.conf',
    ),
  ];
}

/** The first who looked stands for all that see the same. */
async function eachServer(
  patient: Patient,
  judge: (server: Server) => readonly Observation[],
): Promise<readonly Observation[]> {
  const look = (await redisLooks(patient)).find(({ facts }) => facts.servers.length > 0);
  const servers = look?.facts.servers ?? [];
  const found = servers.flatMap((server, at) =>
    judge(server).map((it) => (servers.length > 1 ? { ...it, says: `server ${at + 1}: ${it.says}` } : it)),
  );
  const good = found.filter(({ level }) => level === 'ok');
  // One line for servers that are all well.
  return good.length === found.length ? found.slice(0, 1) : found.filter(({ level }) => level !== 'ok');
}
