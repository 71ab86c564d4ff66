/** W7 in slices: small rooms, one publication under way in each. */
import { RedisProcess } from '../redis/redis-process.ts';
import { startSignalbox, type Settings } from '../servers.ts';
import { StandingRooms, type RoomsShape } from '../workloads/w7-measure.ts';
import type { Probe } from './contest.ts';

export async function openRooms(checkout: string, shape: RoomsShape, settings: Settings = {}): Promise<Probe> {
  const rooms = await StandingRooms.on(await startSignalbox(settings, undefined, checkout), 'signalbox-json', shape);
  return {
    slice: async (seconds) => {
      const { perServerCpuSecond, faults, generatorCpuShare } = await rooms.closedLoop(seconds);
      return { figures: { 'publications per CPU-s': perServerCpuSecond }, faults, generatorCpuShare };
    },
    close: () => rooms.close(),
  };
}

/** The same on a Redis of its own, which writes to its file like that of the section. */
export async function openRoomsOnRedis(checkout: string, shape: RoomsShape): Promise<Probe> {
  const redis = await RedisProcess.start(['--appendonly', 'yes', '--appendfsync', 'everysec']);
  try {
    const rooms = await openRooms(checkout, shape, { 'redis.url': redis.url });
    return {
      slice: (seconds) => rooms.slice(seconds),
      close: async () => {
        await rooms.close();
        await redis.end();
      },
    };
  } catch (error) {
    await redis.end();
    throw error;
  }
}
