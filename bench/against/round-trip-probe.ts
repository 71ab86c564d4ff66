/** W4 in slices: 200 connections, each with one publish under way until it is acknowledged. */
import type { Client } from '../generator/client.ts';
import { clientFrame, OPCODE } from '../generator/publisher.ts';
import { payloadText } from '../generator/stamp.ts';
import { Tally } from '../generator/tally.ts';
import { work, type ServerProcess } from '../processes.ts';
import { SERVERS, startSignalbox } from '../servers.ts';
import { benchToken } from '../tokens.ts';
import { openAll } from '../workloads/fan-out.ts';
import type { Probe, Slice } from './contest.ts';
import { measured, reached } from './rest.ts';

const CONNECTIONS = 200;
const PAYLOAD = 128;

export async function openRoundTrips(checkout: string): Promise<Probe> {
  const running: ServerProcess = await startSignalbox({}, undefined, checkout);
  const { pid, port } = running;
  const wire = SERVERS['signalbox-json'].wire(PAYLOAD);
  const tally = new Tally();
  const token = await benchToken('bench');
  let isRunning = false;
  let asked = 0;
  const clients = await openAll(
    Array.from({ length: CONNECTIONS }, (_, at) => ({
      port,
      wire,
      topic: `bench.${at}`,
      token,
      tally,
      role: 'requester',
    })),
  );
  const asks = clients.map((client) => asker(client));

  function asker(client: Client): () => void {
    const frame = clientFrame(Buffer.from(wire.request(client.topic, payloadText(PAYLOAD))), OPCODE.text);
    const ask = (): void => {
      asked += 1;
      client.write(frame);
    };
    client.onAnswer = () => {
      if (isRunning) ask();
    };
    return ask;
  }

  async function slice(seconds: number): Promise<Slice> {
    const before = { answered: tally.answered, wrong: tally.refused + tally.closed };
    const { cpu, generatorCpuShare } = await measured(pid, async () => {
      isRunning = true;
      for (const ask of asks) ask();
      await work(pid, seconds);
      isRunning = false;
      await reached(() => tally.answered, asked);
    });
    return {
      figures: { 'round trips per CPU-s': (tally.answered - before.answered) / cpu },
      faults: tally.refused + tally.closed - before.wrong + asked - tally.answered,
      generatorCpuShare,
    };
  }

  return {
    slice,
    close: async () => {
      for (const client of clients) client.destroy();
      await running.stop();
    },
  };
}
