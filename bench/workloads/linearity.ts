/** Cost must grow with the number of subscribers and connections, and with nothing else. */
import { fanOut, openAll, type FanOutResult } from './fan-out.ts';
import type { Client, ClientOptions } from '../generator/client.ts';
import { Tally } from '../generator/tally.ts';
import { pause } from '../pause.ts';
import { cpuSeconds, residentBytes } from '../processes.ts';
import type { Plan, Section } from '../section.ts';
import { SERVERS } from '../servers.ts';
import { fitLine, percent, short } from '../statistics.ts';
import { userTokens } from '../tokens.ts';

const SUBSCRIBERS = [10, 100, 1_000, 10_000];
/** 19,000 is what a limit of 20,000 descriptors leaves a process. */
const CONNECTIONS = [1_000, 4_000, 7_000, 10_000, 13_000, 16_000, 19_000];
const SETTLE_SECONDS = 2;
const MEGABYTE = 1_048_576;

interface Step {
  readonly connections: number;
  readonly megabytes: number;
  readonly micros: number;
}

export async function linearity(plan: Plan): Promise<Section> {
  plan.say('Linearity: subscribers of one topic');
  const fans: { subscribers: number; run: FanOutResult }[] = [];
  for (const subscribers of plan.isQuick ? [10, 100] : SUBSCRIBERS) {
    const run = await fanOut('signalbox-json', {
      topics: 1,
      subscribersPerTopic: subscribers,
      payloadBytes: 128,
      load: { inFlight: 64 },
      seconds: plan.seconds,
      warmUpSeconds: plan.warmUpSeconds,
    });
    fans.push({ subscribers, run });
    plan.say(`  ${subscribers} subscribers: ${short(run.perServerCpuSecond)} per CPU-s`);
  }
  plan.say('Linearity: connections');
  const steps = await connect(plan.isQuick ? [200, 400, 600] : CONNECTIONS, plan);
  const publish = fitLine(
    fans.map(({ subscribers, run }) => ({ x: subscribers, y: (subscribers / run.perServerCpuSecond) * 1e6 })),
  );
  const memory = fitLine(steps.map(({ connections, megabytes }) => ({ x: connections, y: megabytes * MEGABYTE })));
  return {
    id: 'linearity',
    title: 'Linearity',
    notes: [
      `A publication costs ${publish.slope.toFixed(3)} µs of server CPU per subscriber (slope of the straight line through the points, 64 in flight). ` +
        `A connection costs ${memory.slope.toFixed(0)} bytes (slope) on top of ${(memory.offset / MEGABYTE).toFixed(0)} MB.`,
    ],
    tables: [
      {
        columns: [
          'subscribers of one topic',
          'deliveries per server CPU-s',
          'µs of CPU per publication',
          'a read',
          'server',
          'generator',
          'wrong',
        ],
        rows: fans.map(({ subscribers, run }) => [
          subscribers.toLocaleString('en'),
          `**${short(run.perServerCpuSecond)}**`,
          ((subscribers / run.perServerCpuSecond) * 1e6).toFixed(1),
          run.deliveriesPerRead.toFixed(1),
          percent(run.serverCpuShare),
          percent(run.generatorCpuShare),
          String(run.faults),
        ]),
      },
      {
        columns: ['connections', 'resident MB', 'µs of CPU to accept and subscribe each of the last step'],
        rows: steps.map(({ connections, megabytes, micros }) => [
          connections.toLocaleString('en'),
          megabytes.toFixed(1),
          micros.toFixed(0),
        ]),
      },
    ],
    charts: [
      {
        kind: 'line',
        name: 'linearity-subscribers',
        title: 'Deliveries per server CPU-second by subscribers of one topic',
        xLabel: 'subscribers',
        yLabel: 'M deliveries per CPU-s',
        isLogX: true,
        points: fans.map(({ subscribers, run }) => ({ x: subscribers, y: run.perServerCpuSecond / 1e6 })),
      },
      {
        kind: 'line',
        name: 'linearity-connections',
        title: 'Resident memory by connections',
        xLabel: 'connections',
        yLabel: 'MB',
        isLogX: false,
        points: steps.map(({ connections, megabytes }) => ({ x: connections, y: megabytes })),
      },
    ],
    targets: [],
    figures: { fans, steps, publish, memory },
  };
}

async function connect(counts: readonly number[], plan: Plan): Promise<Step[]> {
  const running = await SERVERS['signalbox-json'].start({});
  const { pid, port } = running;
  const wire = SERVERS['signalbox-json'].wire(0);
  const tally = new Tally();
  const tokens = await userTokens(counts.at(-1) ?? 0);
  const clients: Client[] = [];
  const steps: Step[] = [];
  try {
    for (const connections of counts) {
      const more: ClientOptions[] = tokens.slice(clients.length, connections).map((token, at) => ({
        port,
        wire,
        topic: `idle.${(clients.length + at) % 500}`,
        token,
        tally,
        role: 'subscriber',
      }));
      const cpu = cpuSeconds(pid);
      clients.push(...(await openAll(more)));
      const micros = ((cpuSeconds(pid) - cpu) / more.length) * 1e6;
      await pause(SETTLE_SECONDS);
      const megabytes = residentBytes(pid) / MEGABYTE;
      steps.push({ connections, megabytes, micros });
      plan.say(`  ${connections} connections: ${megabytes.toFixed(1)} MB, ${micros.toFixed(0)} µs each`);
    }
    return steps;
  } finally {
    for (const client of clients) client.destroy();
    await running.stop();
  }
}
