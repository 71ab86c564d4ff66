/** W1, W1u and W2 in slices: the same connections stay, and so many publications are in flight while a slice lasts. */
import { Client } from '../generator/client.ts';
import { Publisher } from '../generator/publisher.ts';
import { Tally } from '../generator/tally.ts';
import { work, type ServerProcess } from '../processes.ts';
import { SERVERS, startSignalbox, type ServerName } from '../servers.ts';
import { benchToken } from '../tokens.ts';
import { openAll } from '../workloads/fan-out.ts';
import type { Probe, Slice } from './contest.ts';
import { measured, reached } from './rest.ts';

export interface FanOutShape {
  readonly wire: ServerName;
  readonly topics: number;
  readonly subscribersPerTopic: number;
  readonly inFlight: number;
}

const PAYLOAD = 128;

export class FanOutProbe implements Probe {
  private readonly running: ServerProcess;
  private readonly tally: Tally;
  private readonly publisher: Publisher;
  private readonly clients: readonly Client[];
  private readonly inFlight: number;

  private constructor(
    running: ServerProcess,
    tally: Tally,
    publisher: Publisher,
    clients: readonly Client[],
    inFlight: number,
  ) {
    this.running = running;
    this.tally = tally;
    this.publisher = publisher;
    this.clients = clients;
    this.inFlight = inFlight;
  }

  static async open(checkout: string, shape: FanOutShape): Promise<FanOutProbe> {
    const running = await startSignalbox({}, undefined, checkout);
    const { port } = running;
    const { subscribersPerTopic } = shape;
    const wire = SERVERS[shape.wire].wire(PAYLOAD);
    const tally = new Tally();
    const token = await benchToken('bench');
    const topics = Array.from({ length: shape.topics }, (_, index) => `bench.${index}`);
    const everyone = topics.flatMap((topic) => Array.from({ length: subscribersPerTopic }, () => topic));
    const clients = await openAll(everyone.map((topic) => ({ port, wire, topic, token, tally, role: 'subscriber' })));
    const client = await Client.open({ port, wire, topic: topics[0] as string, token, tally, role: 'publisher' });
    const publisher = new Publisher({ client, tally, wire, topics, subscribersPerTopic, payloadBytes: PAYLOAD });
    return new FanOutProbe(running, tally, publisher, [client, ...clients], shape.inFlight);
  }

  async slice(seconds: number): Promise<Slice> {
    const { tally, publisher, running } = this;
    const before = { received: tally.received, faults: this.faults };
    const { cpu, generatorCpuShare } = await measured(running.pid, async () => {
      publisher.keepInFlight(this.inFlight);
      await work(running.pid, seconds);
      publisher.stop();
      await reached(() => tally.received + tally.announced, publisher.expected);
    });
    return {
      figures: { 'deliveries per CPU-s': (tally.received - before.received) / cpu },
      faults: this.faults - before.faults,
      generatorCpuShare,
    };
  }

  async close(): Promise<void> {
    this.publisher.stop();
    for (const each of this.clients) each.destroy();
    await this.running.stop();
  }

  private get faults(): number {
    const { tally, publisher } = this;
    return tally.faults + tally.closed + Math.abs(publisher.expected - tally.received - tally.announced);
  }
}
