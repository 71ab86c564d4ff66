/** W7 in slices: small rooms, one publication under way in each. */
import { startSignalbox } from '../servers.ts';
import { StandingRooms, type RoomsShape } from '../workloads/w7-measure.ts';
import type { Probe } from './contest.ts';

export async function openRooms(checkout: string, shape: RoomsShape): Promise<Probe> {
  const rooms = await StandingRooms.on(await startSignalbox({}, undefined, checkout), 'signalbox-json', shape);
  return {
    slice: async (seconds) => {
      const { perServerCpuSecond, faults, generatorCpuShare } = await rooms.closedLoop(seconds);
      return { figures: { 'publications per CPU-s': perServerCpuSecond }, faults, generatorCpuShare };
    },
    close: () => rooms.close(),
  };
}
