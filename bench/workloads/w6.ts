/** W6: 15,000 clients drop at once and come back with positions, 100 missed messages each. */
import { Client, type ClientOptions } from '../generator/client.ts';
import { Publisher } from '../generator/publisher.ts';
import { Tally } from '../generator/tally.ts';
import { pause } from '../pause.ts';
import { cpuSeconds, residentBytes } from '../processes.ts';
import type { Plan, Section } from '../section.ts';
import { SERVERS } from '../servers.ts';
import { readCounters } from '../server-counters.ts';
import { median } from '../statistics.ts';
import { benchToken, userTokens } from '../tokens.ts';
import { arrival, openAll } from './fan-out.ts';

interface StormResult {
  readonly clients: number;
  readonly replayed: number;
  /** From the first connection attempt until the last missed message has arrived, generator included. */
  readonly seconds: number;
  readonly cpuSecondsPerMillion: number;
  /** Of server CPU, to accept a connection, find its token verified, and subscribe it with its position. */
  readonly acceptMicros: number;
  readonly resumeMicros: number;
  readonly growthMegabytes: number;
  readonly missing: number;
  readonly duplicates: number;
  readonly announced: number;
  readonly refused: number;
  readonly unaccounted: number;
}

const CLIENTS = 15_000;
const TOPICS = 500;
const MISSED = 100;
const PAYLOAD = 128;
/** Handshakes under way at once. */
const STORM = 400;
/** So long the server gets to see that they have gone. */
const LEAVE_SECONDS = 2;
const PUBLISH_AT_ONCE = 2_500;
const MEGABYTE = 1_048_576;
const MAX_ROUNDS = 2;

export async function w6(plan: Plan): Promise<Section> {
  const clients = plan.isQuick ? 500 : CLIENTS;
  plan.say(`W6: ${clients} clients drop at once and come back, ${MISSED} missed messages each`);
  const runs: StormResult[] = [];
  for (let round = 0; round < Math.min(plan.rounds, MAX_ROUNDS); round += 1) {
    const result = await storm(clients);
    runs.push(result);
    plan.say(
      `  all live after ${result.seconds.toFixed(1)} s, ${result.cpuSecondsPerMillion.toFixed(2)} CPU-s per million replayed, ` +
        `accept ${result.acceptMicros.toFixed(0)} + resume ${result.resumeMicros.toFixed(0)} µs, missing ${result.missing}, duplicates ${result.duplicates}`,
    );
  }
  const middle = (figure: (run: StormResult) => number): number => median(runs.map(figure));
  return {
    id: 'w6',
    title: `W6: ${clients.toLocaleString('en')} clients drop at once and come back with positions, ${MISSED} missed messages of 128 B each`,
    notes: [
      'Two storms: one with nothing missed, which says what accepting, verifying and resuming cost; one with everything missed. The difference is the replay.',
    ],
    tables: [
      {
        columns: [
          'all live after',
          'replayed',
          'CPU-s per million replayed',
          'accept and verify',
          'resume',
          'memory',
          'missing',
          'duplicates',
          'announced as lost',
          'refused',
          'unaccounted',
        ],
        rows: runs.map((run) => [
          `${run.seconds.toFixed(1)} s`,
          run.replayed.toLocaleString('en'),
          `**${run.cpuSecondsPerMillion.toFixed(2)}**`,
          `**${run.acceptMicros.toFixed(0)} µs**`,
          `${run.resumeMicros.toFixed(0)} µs`,
          `+${run.growthMegabytes.toFixed(0)} MB`,
          ...[run.missing, run.duplicates, run.announced, run.refused, run.unaccounted].map(String),
        ]),
      },
    ],
    charts: [],
    targets: [
      {
        text: 'W6, server CPU-seconds per million replayed',
        goal: 1.5,
        compare: '<=',
        reached: middle((run) => run.cpuSecondsPerMillion),
      },
      {
        text: 'W6, µs of CPU to accept and verify with a cached token',
        goal: 35,
        compare: '<=',
        reached: middle((run) => run.acceptMicros),
      },
      {
        text: 'W6, µs of CPU to resume a subscription',
        goal: 20,
        compare: '<=',
        reached: middle((run) => run.resumeMicros),
      },
      {
        text: 'W6, missing, duplicated, refused, unaccounted',
        goal: 0,
        compare: '<=',
        reached: runs.reduce(
          (sum, run) => sum + run.missing + run.announced + run.duplicates + run.refused + run.unaccounted,
          0,
        ),
      },
    ],
    figures: runs,
  };
}

async function storm(count: number): Promise<StormResult> {
  const running = await SERVERS['signalbox-json'].start({});
  const { pid, port } = running;
  const wire = SERVERS['signalbox-json'].wire(PAYLOAD);
  const tally = new Tally();
  const [publisherToken, tokens] = [await benchToken('bench'), await userTokens(count)];
  const topics = Array.from({ length: TOPICS }, (_, at) => `bench.${at}`);
  const options: ClientOptions[] = tokens.map((token, at) => ({
    port,
    wire,
    topic: topics[at % TOPICS] as string,
    token,
    tally,
    role: 'subscriber',
  }));
  const acks = new Tally();
  const client = await Client.open({
    port,
    wire,
    topic: 'bench.0',
    token: publisherToken,
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
  try {
    publisher.publish(TOPICS);
    await arrival(tally, () => count);
    const quiet = await comeBack(0);
    for (const each of clients) each.destroy();
    await pause(LEAVE_SECONDS);
    for (let sent = 0; sent < TOPICS * MISSED; sent += PUBLISH_AT_ONCE) {
      publisher.publish(Math.min(PUBLISH_AT_ONCE, TOPICS * MISSED - sent));
      while (acks.answered < publisher.sent) await pause(0.01);
    }
    const before = { received: tally.received, rss: residentBytes(pid) };
    const busy = await comeBack(count * MISSED);
    const replayed = tally.received - before.received;
    const { unaccounted, nativeDropped } = await readCounters(port);
    return {
      clients: count,
      replayed,
      seconds: busy.seconds,
      cpuSecondsPerMillion: ((busy.accept + busy.resume - quiet.accept - quiet.resume) / replayed) * 1e6,
      acceptMicros: (quiet.accept / count) * 1e6,
      resumeMicros: (quiet.resume / count) * 1e6,
      growthMegabytes: (residentBytes(pid) - before.rss) / MEGABYTE,
      missing: count * (MISSED + 1) - tally.received - tally.announced,
      duplicates: tally.duplicates,
      announced: tally.announced,
      refused: tally.refused,
      unaccounted: unaccounted + nativeDropped,
    };
  } finally {
    for (const each of [client, ...clients]) each.destroy();
    await running.stop();
  }

  /** All drop at once and come back. CPU-seconds of accepting, then of resuming up to the last missed message. */
  async function comeBack(missed: number): Promise<{ accept: number; resume: number; seconds: number }> {
    const gone = clients;
    for (const each of gone) each.destroy();
    await pause(LEAVE_SECONDS);
    const expected = tally.received + missed;
    const started = performance.now();
    const cpu = cpuSeconds(pid);
    clients = await openAll(
      options.map((each, at) => ({ ...each, resumes: gone[at] as Client })),
      (each) => Client.connect(each),
      STORM,
    );
    const accepted = cpuSeconds(pid);
    const live = clients.map((each) => each.subscribe());
    await Promise.all(live);
    if (missed > 0) await until(() => tally.received >= expected);
    const seconds = (performance.now() - started) / 1_000;
    // A tick of the kernel's clock, so that the last work is counted.
    await pause(0.05);
    return { accept: accepted - cpu, resume: cpuSeconds(pid) - accepted, seconds };
  }

  async function until(done: () => boolean): Promise<void> {
    for (let seen = -1, still = 0; !done() && still < 100;) {
      still = seen === tally.received ? still + 1 : 0;
      seen = tally.received;
      await pause(0.02);
    }
  }
}
