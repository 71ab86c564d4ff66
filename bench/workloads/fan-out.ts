/** Topics, subscribers, one publisher: deliveries per second of server CPU in a closed loop, and latency at a fixed rate. */
import { Client, type ClientOptions } from '../generator/client.ts';
import { Publisher } from '../generator/publisher.ts';
import { Tally } from '../generator/tally.ts';
import { cpuSeconds, work, type ServerProcess } from '../processes.ts';
import { SERVERS, type ServerName, type Settings } from '../servers.ts';
import { benchToken } from '../tokens.ts';
import { pause } from '../pause.ts';

export interface FanOutOptions {
  readonly topics: number;
  readonly subscribersPerTopic: number;
  readonly payloadBytes: number;
  /** Publications in flight, or so many per second. */
  readonly load: { readonly inFlight: number } | { readonly perSecond: number };
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly settings?: Settings;
  /** Something else that goes on meanwhile; returns how to end it. */
  readonly beside?: (port: number) => Promise<() => Promise<void>>;
}

export interface FanOutResult {
  readonly server: ServerName;
  readonly deliveries: number;
  readonly perServerCpuSecond: number;
  readonly perSecond: number;
  readonly serverCpuShare: number;
  readonly generatorCpuShare: number;
  readonly deliveriesPerRead: number;
  readonly bytesPerDelivery: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** Lost, duplicated or refused: 0, or the figure is worth nothing. */
  readonly faults: number;
}

/** Connections opened at once. */
const PARALLEL = 50;
const SETTLE_SECONDS = 0.2;
const SETTLE_TRIES = 20;

export async function fanOut(server: ServerName, options: FanOutOptions): Promise<FanOutResult> {
  const running = await SERVERS[server].start(options.settings ?? {});
  try {
    return await drive(server, running, options);
  } finally {
    await running.stop();
  }
}

async function drive(server: ServerName, { pid, port }: ServerProcess, options: FanOutOptions): Promise<FanOutResult> {
  const wire = SERVERS[server].wire(options.payloadBytes);
  const tally = new Tally();
  const token = await benchToken('bench');
  const topics = Array.from({ length: options.topics }, (_, index) => `bench.${index}`);
  const everyone = topics.flatMap((topic) => Array.from({ length: options.subscribersPerTopic }, () => topic));
  const clients = await openAll(everyone.map((topic) => ({ port, wire, topic, token, tally, role: 'subscriber' })));
  const client = await Client.open({ port, wire, topic: topics[0] as string, token, tally, role: 'publisher' });
  const publisher = new Publisher({ ...options, client, tally, wire, topics });
  const end = await options.beside?.(port);
  try {
    if ('inFlight' in options.load) publisher.keepInFlight(options.load.inFlight);
    else publisher.atRate(options.load.perSecond);
    // At a fixed rate a server need not be busy.
    const run = 'inFlight' in options.load ? (seconds: number) => work(pid, seconds) : pause;
    await run(options.warmUpSeconds);
    tally.sample(true);
    const before = { received: tally.received, bytes: tally.bytes, reads: tally.reads, cpu: cpuSeconds(pid) };
    const own = process.cpuUsage();
    const started = performance.now();
    await run(options.seconds);
    const elapsed = (performance.now() - started) / 1_000;
    const cpu = cpuSeconds(pid) - before.cpu;
    const { user, system } = process.cpuUsage(own);
    const deliveries = tally.received - before.received;
    const bytesPerDelivery = (tally.bytes - before.bytes) / deliveries;
    const deliveriesPerRead = deliveries / (tally.reads - before.reads);
    tally.sample(false);
    publisher.stop();
    await arrival(tally, () => publisher.expected);
    return {
      server,
      deliveries,
      perServerCpuSecond: deliveries / cpu,
      perSecond: deliveries / elapsed,
      serverCpuShare: cpu / elapsed,
      generatorCpuShare: (user + system) / 1e6 / elapsed,
      deliveriesPerRead,
      bytesPerDelivery,
      p50: tally.latency.percentile(50) / 1_000,
      p99: tally.latency.percentile(99) / 1_000,
      max: tally.latency.max / 1_000,
      faults: tally.faults + Math.abs(publisher.expected - tally.received - tally.announced) + tally.closed,
    };
  } finally {
    publisher.stop();
    await end?.();
    for (const each of [client, ...clients]) each.destroy();
  }
}

/** Opens many connections, some at a time. */
export async function openAll(
  options: readonly ClientOptions[],
  open: (each: ClientOptions) => Promise<Client> = (each) => Client.open(each),
  parallel = PARALLEL,
): Promise<Client[]> {
  const clients: Client[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let at = next++; at < options.length; at = next++) {
      const each = options[at];
      if (each !== undefined) clients[at] = await open(each);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker));
  return clients;
}

/** Waits until everything expected has arrived, or nothing more comes. */
export async function arrival(tally: Tally, expected: () => number): Promise<void> {
  for (let seen = -1, tries = 0; tally.received < expected() && tries < SETTLE_TRIES; tries += 1) {
    if (seen === tally.received && tries > 2) return;
    seen = tally.received;
    await pause(SETTLE_SECONDS);
  }
}
