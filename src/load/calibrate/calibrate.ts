/** Measures the figures of a plan on this machine, with servers of its own on loopback. */
import { cpus, release, type } from 'node:os';
import { PROFILE_FORMAT, type Profile } from '../../plan/profile.ts';
import { measureCrowd, type CrowdFigures } from './crowd.ts';
import { measureDeliveries, type DeliveryFigures } from './deliveries.ts';
import { connectionKernelMemory } from './kernel-memory.ts';
import { measureLogs, measureReplay, type LogFigures, type ReplayFigures } from './logs.ts';
import { OWN_COMMAND, startOwnServer } from './own-server.ts';
import { measureRedis } from './redis-nodes.ts';
import { namedRedis, startOwnRedis, type RedisServer } from './redis-server.ts';
import { measureRest, type RestFigures } from './rest.ts';
import { FULL, type Rig, type Sizes } from './rig.ts';

export interface CalibrationOptions {
  readonly sizes: Sizes;
  /** Starts the command line of Signalbox; as this process was started itself when it is missing. */
  readonly command?: readonly string[];
  /** Of the Redis to use; without, one is started where there is a redis-server. */
  readonly redis: string | undefined;
  readonly version: string;
  readonly say: (what: string) => void;
}

export async function calibrate(options: CalibrationOptions): Promise<Profile> {
  const { sizes, redis: url, version } = options;
  const rig: Rig = { command: OWN_COMMAND, ...options };
  const kernel = connectionKernelMemory();
  const redis = url === undefined ? await startOwnRedis() : await namedRedis(url);
  try {
    const alone = await measureAlone(rig);
    const together = redis === null ? {} : await measureRedis(redis, alone, rig);
    const [cpu] = cpus();
    const noRedis = 'there was no redis-server and no --redis: figures of Redis are missing';
    return {
      format: PROFILE_FORMAT,
      origin: {
        date: new Date().toISOString(),
        server: version,
        node: process.version,
        cpu: cpu?.model.trim() ?? 'unknown',
        processors: cpus().length,
        os: `${type()} ${release()}`,
        redis: await versionOf(redis),
        quick: sizes.effort < FULL.effort,
        notes: [...(kernel.note === null ? [] : [kernel.note]), ...(redis === null ? [noRedis] : [])],
      },
      figures: { ...alone, connection_kernel_bytes: kernel.bytes, ...together },
    };
  } finally {
    await redis?.stop();
  }
}

type Alone = CrowdFigures & ReplayFigures & LogFigures & DeliveryFigures & RestFigures;

async function measureAlone(rig: Rig): Promise<Alone> {
  const server = await startOwnServer(rig);
  try {
    const crowd = await measureCrowd(server, rig);
    const replay = await measureReplay(server);
    const deliveries = await measureDeliveries(server, rig);
    return { ...crowd, ...replay, ...deliveries, ...(await measureLogs(rig)), ...(await measureRest(rig)) };
  } finally {
    await server.stop();
  }
}

async function versionOf(redis: RedisServer | null): Promise<string | null> {
  return redis === null ? null : (await redis.usage()).version;
}
