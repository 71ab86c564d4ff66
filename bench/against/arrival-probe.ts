/** W3 in slices: users that were never seen before connect, subscribe, go, and come back. And the memory of those that stay. */
import { Client, type ClientOptions } from '../generator/client.ts';
import { Tally } from '../generator/tally.ts';
import { pause } from '../pause.ts';
import { residentBytes } from '../processes.ts';
import { SERVERS, startSignalbox } from '../servers.ts';
import { userTokens } from '../tokens.ts';
import { openAll } from '../workloads/fan-out.ts';
import type { Probe, Slice } from './contest.ts';
import { atRest, measured } from './rest.ts';

const TOPICS = 100;
/** Opened first, so that what a process allocates only once is not counted. */
const EARLIER = 200;
const SETTLE_SECONDS = 2.5;

interface Crowd {
  readonly pid: number;
  readonly tally: Tally;
  of(count: number, name: string): Promise<ClientOptions[]>;
  stop(): Promise<void>;
}

async function begin(checkout: string): Promise<Crowd> {
  const running = await startSignalbox({}, undefined, checkout);
  const { pid, port } = running;
  const wire = SERVERS['signalbox-json'].wire(0);
  const tally = new Tally();
  const of = async (count: number, name: string): Promise<ClientOptions[]> =>
    (await userTokens(count, name)).map((token, at) => ({
      port,
      wire,
      topic: `idle.${at % TOPICS}`,
      token,
      tally,
      role: 'subscriber',
    }));
  return { pid, tally, of, stop: () => running.stop() };
}

export async function openArrivals(checkout: string, count: number): Promise<Probe> {
  const crowd = await begin(checkout);
  const { pid, tally } = crowd;
  let slices = 0;

  async function slice(): Promise<Slice> {
    slices += 1;
    const options = await crowd.of(count, `crowd-${slices}`);
    const wrong = tally.refused + tally.closed;
    let clients: Client[] = [];
    const connect = async (): Promise<void> => {
      clients = await openAll(options, (each) => Client.connect(each));
    };
    const subscribe = async (): Promise<void> => {
      await Promise.all(clients.map((client) => client.subscribe()));
    };
    const first = await measured(pid, connect);
    const subscribed = await measured(pid, subscribe);
    for (const client of clients) client.destroy();
    const again = await measured(pid, connect);
    for (const client of clients) client.destroy();
    await atRest(pid);
    const micros = (cpu: number): number => (cpu / count) * 1e6;
    return {
      figures: {
        'first accept, µs': micros(first.cpu),
        'accept again, µs': micros(again.cpu),
        'subscribe, µs': micros(subscribed.cpu),
      },
      faults: tally.refused + tally.closed - wrong,
      // One handshake waits for the other here, so that the generator is never the limit of what a handshake costs.
      generatorCpuShare: 0,
    };
  }

  return { slice, close: () => crowd.stop() };
}

/** One slice: a process that has had many connections keeps their memory. */
export async function openIdle(checkout: string, count: number): Promise<Probe> {
  const crowd = await begin(checkout);
  let clients: Client[] = [];

  async function slice(): Promise<Slice> {
    const earlier = await openAll(await crowd.of(EARLIER, 'early'));
    await atRest(crowd.pid);
    const empty = residentBytes(crowd.pid);
    const others = await openAll(await crowd.of(count, 'idle'));
    await pause(SETTLE_SECONDS);
    clients = [...earlier, ...others];
    return {
      figures: { 'bytes of an idle connection': (residentBytes(crowd.pid) - empty) / count },
      faults: crowd.tally.refused + crowd.tally.closed,
      generatorCpuShare: 0,
    };
  }

  return {
    slice,
    close: async () => {
      for (const client of clients) client.destroy();
      await crowd.stop();
    },
  };
}
