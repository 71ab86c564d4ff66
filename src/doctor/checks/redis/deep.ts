/** What it takes questions to know of Redis: slots of a cluster, slow commands, its clock, and who else is on it. */
import type { Check } from '../../check.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';
import type { Patient } from '../../patient.ts';
import { isWholeCluster, redisLooks, type RedisLooked } from '../../redis-look.ts';

type Facts = RedisLooked['facts'];
type Deep = NonNullable<Facts['deep']>;

/** A command that takes so long keeps every node waiting. */
const SLOW_MS = 50;
const RECENT_MS = 3_600_000;

export const redisCluster: Check = {
  name: 'redis.cluster',
  looksAt: 'Whether every slot of a Redis Cluster has a server.',
  needs: ['redis'],
  run: (patient) =>
    deep(patient, ({ cluster }) => {
      if (cluster === null) return [];
      if (isWholeCluster(cluster)) return [ok('the cluster is whole')];
      return [
        fail(
          `the cluster is ${cluster.state}, ${cluster.slots_ok} of 16384 slots are served`,
          'redis-cli --cluster check, then --cluster fix',
        ),
      ];
    }),
};

export const redisSlowLog: Check = {
  name: 'redis.slow-log',
  looksAt: 'The slowest commands that Redis remembers of the last hour.',
  needs: ['redis'],
  run: (patient) =>
    deep(patient, ({ slow_log: log }) => {
      if (log === null) return [];
      const slow = log.filter(({ ms, at }) => ms >= SLOW_MS && patient.clock.now() - at < RECENT_MS);
      const [worst] = slow;
      if (worst === undefined) return [ok(`no command took ${SLOW_MS} ms in the last hour`)];
      return [
        warn(
          `${slow.length} commands took ${SLOW_MS} ms or longer in the last hour, the longest ${worst.command} with ${worst.ms} ms`,
          'redis-cli SLOWLOG GET: who sends it? Let nothing else use this Redis, and no KEYS',
        ),
      ];
    }),
};

export const redisNeighbours: Check = {
  name: 'redis.neighbours',
  looksAt:
    'Nodes on the same Redis under another redis.prefix or database: two halves of a service do not hear each other.',
  needs: ['redis'],
  run: (patient) =>
    deep(patient, ({ neighbours }, { prefix, database }) => {
      if (neighbours === null) return [];
      const others = neighbours.filter((it) => it.prefix !== prefix || it.database !== database);
      if (others.length === 0)
        return [ok(`no other service is on this Redis (prefix ${prefix}, database ${database})`)];
      return others.map((other) =>
        warn(
          `${other.nodes} nodes are on this Redis under prefix ${other.prefix}, database ${other.database}; here it is prefix ${prefix}, database ${database}`,
          'if they are of one service, give all the same redis.prefix and database in redis.url; if not, nothing is to be done',
        ),
      );
    }),
};

/** Asked of the first who could look. */
async function deep(
  patient: Patient,
  judge: (deep: Deep, facts: Facts) => readonly Observation[],
): Promise<readonly Observation[]> {
  for (const { facts } of await redisLooks(patient)) if (facts.deep !== null) return judge(facts.deep, facts);
  return [];
}
