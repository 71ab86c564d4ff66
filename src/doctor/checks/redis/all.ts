/** Redis, as the nodes see it; as this machine does when no node is asked. */
import type { Check } from '../../check.ts';
import { redisClock } from './clock.ts';
import { redisCondition } from './condition.ts';
import { redisCluster, redisNeighbours, redisSlowLog } from './deep.ts';
import { redisStreams } from './streams.ts';
import { redisEviction, redisMemory, redisPersistence, redisVersion } from './fitness.ts';

export const REDIS_CHECKS: readonly Check[] = [
  redisCondition,
  redisVersion,
  redisEviction,
  redisMemory,
  redisPersistence,
  redisCluster,
  redisSlowLog,
  redisClock,
  redisNeighbours,
  redisStreams,
];
