/** The clients of W5: readers that keep up, others that may stop reading, and one that publishes to all of them. */
import { Client } from '../generator/client.ts';
import { Publisher } from '../generator/publisher.ts';
import { StalledClients } from '../generator/stalled-clients.ts';
import { Tally } from '../generator/tally.ts';
import { SERVERS } from '../servers.ts';
import { benchToken } from '../tokens.ts';
import { openAll } from './fan-out.ts';

const TOPIC = 'bench.0';
const PAYLOAD = 1_024;
export const HEALTHY = 100;
export const STALLED = 10;
/** Messages. */
export const PER_SECOND = 2_000;

export interface StallScene {
  /** Of those that keep up. */
  readonly tally: Tally;
  readonly stalled: StalledClients;
  readonly publisher: Publisher;
  /** Ends the clients; the server is the caller's. */
  readonly close: () => void;
}

export async function openStallScene(port: number, count: number): Promise<StallScene> {
  const wire = SERVERS['signalbox-json'].wire(PAYLOAD);
  const tally = new Tally();
  const common = { port, topic: TOPIC, token: await benchToken('bench') };
  const healthy = await openAll(
    Array.from({ length: HEALTHY }, () => ({ ...common, wire, tally, role: 'subscriber' })),
  );
  const stalled = await StalledClients.open({ ...common, payloadBytes: PAYLOAD, count });
  const client = await Client.open({ ...common, wire, tally: new Tally(), role: 'publisher' });
  const publisher = new Publisher({
    client,
    tally,
    wire,
    topics: [TOPIC],
    subscribersPerTopic: HEALTHY,
    payloadBytes: PAYLOAD,
  });
  return {
    tally,
    stalled,
    publisher,
    close: () => {
      publisher.stop();
      stalled.end();
      for (const each of [client, ...healthy]) each.destroy();
    },
  };
}
