/** W6 in slices: everybody drops and comes back, first with nothing missed, then with everything. */
import { Client, type ClientOptions } from '../generator/client.ts';
import { Publisher } from '../generator/publisher.ts';
import { Tally } from '../generator/tally.ts';
import { SERVERS, startSignalbox } from '../servers.ts';
import { benchToken, userTokens } from '../tokens.ts';
import { openAll } from '../workloads/fan-out.ts';
import type { Probe, Slice } from './contest.ts';
import { atRest, measured, reached } from './rest.ts';

const TOPICS = 100;
const MISSED = 100;
const PAYLOAD = 128;
const STORM = 400;
const PUBLISH_AT_ONCE = 2_500;

export async function openStorm(checkout: string, count: number): Promise<Probe> {
  const running = await startSignalbox({}, undefined, checkout);
  const { pid, port } = running;
  const wire = SERVERS['signalbox-json'].wire(PAYLOAD);
  const [tally, acks] = [new Tally(), new Tally()];
  const topics = Array.from({ length: TOPICS }, (_, at) => `bench.${at}`);
  const options: ClientOptions[] = (await userTokens(count)).map((token, at) => ({
    port,
    wire,
    topic: topics[at % TOPICS] as string,
    token,
    tally,
    role: 'subscriber',
  }));
  const client = await Client.open({
    port,
    wire,
    topic: 'bench.0',
    token: await benchToken('bench'),
    tally: acks,
    role: 'publisher',
  });
  const publisher = new Publisher({
    client,
    tally,
    wire,
    topics,
    subscribersPerTopic: count / TOPICS,
    payloadBytes: PAYLOAD,
  });
  let clients = await openAll(options);
  publisher.publish(TOPICS);
  await reached(() => tally.received, count);

  async function leave(): Promise<void> {
    for (const each of clients) each.destroy();
    await atRest(pid);
  }

  async function comeBack(missed: number): Promise<{ accept: number; resume: number }> {
    const gone = clients;
    const expected = tally.received + missed;
    const accept = await measured(pid, async () => {
      clients = await openAll(
        options.map((each, at) => ({ ...each, resumes: gone[at] as Client })),
        (each) => Client.connect(each),
        STORM,
      );
    });
    const resume = await measured(pid, async () => {
      await Promise.all(clients.map((each) => each.subscribe()));
      await reached(() => tally.received, expected);
    });
    return { accept: accept.cpu, resume: resume.cpu };
  }

  async function slice(): Promise<Slice> {
    const before = { wrong: tally.faults + tally.closed, received: tally.received };
    await leave();
    const quiet = await comeBack(0);
    await leave();
    for (let sent = 0; sent < TOPICS * MISSED; sent += PUBLISH_AT_ONCE) {
      publisher.publish(PUBLISH_AT_ONCE);
      await reached(() => acks.answered, publisher.sent);
    }
    await atRest(pid);
    const busy = await comeBack(count * MISSED);
    const replayed = tally.received - before.received;
    return {
      figures: {
        'accept, µs': (quiet.accept / count) * 1e6,
        'resume, µs': (quiet.resume / count) * 1e6,
        'CPU-s per million replayed': ((busy.resume - quiet.resume) / replayed) * 1e6,
      },
      faults: tally.faults + tally.closed - before.wrong + Math.abs(count * MISSED - replayed),
      generatorCpuShare: 0,
    };
  }

  return {
    slice,
    close: async () => {
      for (const each of [client, ...clients]) each.destroy();
      await running.stop();
    },
  };
}
