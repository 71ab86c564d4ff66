/** A node that is idle but for one client, whose publish is acknowledged before it sends the next: what waiting for others would cost. */
import { clientFrame, OPCODE } from '../generator/publisher.ts';
import { payloadText } from '../generator/stamp.ts';
import { Tally } from '../generator/tally.ts';
import { work } from '../processes.ts';
import { SERVERS, startSignalbox } from '../servers.ts';
import { benchToken } from '../tokens.ts';
import { openAll } from '../workloads/fan-out.ts';
import type { Probe, Slice } from './contest.ts';
import { measured, reached } from './rest.ts';

const PAYLOAD = 128;

export async function openAlone(checkout: string): Promise<Probe> {
  const running = await startSignalbox({}, undefined, checkout);
  const { pid, port } = running;
  const wire = SERVERS['signalbox-json'].wire(PAYLOAD);
  const tally = new Tally();
  const token = await benchToken('bench');
  const [client] = await openAll([{ port, wire, topic: 'bench.alone', token, tally, role: 'requester' }]);
  if (client === undefined) throw new Error('expected a client');
  const frame = clientFrame(Buffer.from(wire.request(client.topic, payloadText(PAYLOAD))), OPCODE.text);
  let took: number[] = [];
  let asked = 0;
  let askedAt = 0;
  let isRunning = false;
  const ask = (): void => {
    asked += 1;
    askedAt = performance.now();
    client.write(frame);
  };
  client.onAnswer = () => {
    took.push(performance.now() - askedAt);
    if (isRunning) ask();
  };

  async function slice(seconds: number): Promise<Slice> {
    took = [];
    const wrong = tally.refused + tally.closed;
    const { generatorCpuShare } = await measured(pid, async () => {
      isRunning = true;
      ask();
      await work(pid, seconds);
      isRunning = false;
      await reached(() => tally.answered, asked);
    });
    const ascending = took.toSorted((a, b) => a - b);
    return {
      figures: { 'p50, µs': (ascending[ascending.length >> 1] ?? Number.NaN) * 1_000 },
      faults: tally.refused + tally.closed - wrong + asked - tally.answered,
      generatorCpuShare,
    };
  }

  return {
    slice,
    close: async () => {
      client.destroy();
      await running.stop();
    },
  };
}
