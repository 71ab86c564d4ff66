/** W4: 200 connections, each with one request under way: a publish and its acknowledgement, against a raw echo. */
import { createHistogram } from 'node:perf_hooks';
import { alternate, available, ratio, valid, type Entry } from '../entry.ts';
import { clientFrame, OPCODE } from '../generator/publisher.ts';
import { payloadText } from '../generator/stamp.ts';
import { Tally } from '../generator/tally.ts';
import { cpuSeconds, work } from '../processes.ts';
import type { Plan, Section } from '../section.ts';
import { isSignalbox, SERVERS, type ServerName } from '../servers.ts';
import { median, milliseconds, percent, short } from '../statistics.ts';
import { benchToken } from '../tokens.ts';
import { openAll } from './fan-out.ts';

interface RoundTripResult {
  readonly perServerCpuSecond: number;
  readonly perSecond: number;
  readonly serverCpuShare: number;
  readonly generatorCpuShare: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly faults: number;
}

const CONNECTIONS = 200;
const PAYLOAD = 128;
const BASE = 'raw uWebSockets.js echo';

export async function w4(plan: Plan): Promise<Section> {
  plan.say('W4: 200 connections, publish and acknowledgement');
  const entries = available(
    [
      { server: 'raw-native', label: BASE },
      { server: 'floor', label: 'C floor echo' },
      { server: 'bun', label: 'Bun echo' },
      { server: 'signalbox-json', label: 'Signalbox publish → ack, JSON' },
      { server: 'signalbox-msgpack', label: 'Signalbox publish → ack, MessagePack' },
      { server: 'ws', label: 'ws echo', rounds: 2 },
      { server: 'socket.io', label: 'Socket.IO emit → ack', rounds: 2 },
      { server: 'nats', label: 'nats-server PUB → PONG', rounds: 2 },
    ] satisfies Entry[],
    plan,
  );
  const results = await alternate(entries, plan, ({ server }) => roundTrips(server, plan), describe);
  return {
    id: 'w4',
    title: 'W4: 200 connections, publish and acknowledgement, one request each at a time',
    notes: [
      'Signalbox parses, checks rights and limits, assigns the sequence, stores and acknowledges; the echoes send back what came.',
    ],
    tables: [table(entries, results)],
    charts: [
      {
        kind: 'bars',
        name: 'w4',
        title: 'W4: round trips per server CPU-second',
        bars: entries.flatMap(({ label, server }) => {
          const figures = valid(results.get(label)).map((run) => run.perServerCpuSecond);
          if (figures.length === 0) return [];
          return [
            {
              label,
              value: median(figures),
              low: Math.min(...figures),
              high: Math.max(...figures),
              isOurs: isSignalbox(server),
            },
          ];
        }),
      },
    ],
    targets: [
      {
        text: 'W4, publish → ack in JSON × raw echo',
        goal: 0.6,
        compare: '>=',
        reached: ratio(results, 'Signalbox publish → ack, JSON', BASE, (run) => run.perServerCpuSecond),
      },
    ],
    figures: Object.fromEntries(results),
  };
}

async function roundTrips(server: ServerName, plan: Plan): Promise<RoundTripResult> {
  const running = await SERVERS[server].start({});
  const { pid, port } = running;
  const wire = SERVERS[server].wire(PAYLOAD);
  const tally = new Tally();
  const token = await benchToken('bench');
  const latency = createHistogram();
  let isRunning = true;
  let isSampling = false;
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
  for (const client of clients) {
    const request = wire.request(client.topic, payloadText(PAYLOAD));
    const frame = clientFrame(
      typeof request === 'string' ? Buffer.from(request) : request,
      wire.binary ? OPCODE.binary : OPCODE.text,
    );
    let sentAt = 0;
    const ask = (): void => {
      sentAt = performance.now();
      client.write(frame);
    };
    client.onAnswer = () => {
      if (isSampling) latency.record(Math.max(1, Math.round((performance.now() - sentAt) * 1_000)));
      if (isRunning) ask();
    };
    ask();
  }
  try {
    await work(pid, plan.warmUpSeconds);
    isSampling = true;
    const before = { answered: tally.answered, cpu: cpuSeconds(pid), at: performance.now() };
    const own = process.cpuUsage();
    await work(pid, plan.seconds);
    const elapsed = (performance.now() - before.at) / 1_000;
    const cpu = cpuSeconds(pid) - before.cpu;
    const { user, system } = process.cpuUsage(own);
    const answered = tally.answered - before.answered;
    return {
      perServerCpuSecond: answered / cpu,
      perSecond: answered / elapsed,
      serverCpuShare: cpu / elapsed,
      generatorCpuShare: (user + system) / 1e6 / elapsed,
      p50: latency.percentile(50) / 1_000,
      p99: latency.percentile(99) / 1_000,
      faults: tally.refused + tally.closed,
    };
  } finally {
    isRunning = false;
    for (const client of clients) client.destroy();
    await running.stop();
  }
}

function describe(run: RoundTripResult): string {
  return `${short(run.perServerCpuSecond).padStart(7)} per CPU-s, server ${percent(run.serverCpuShare)}, generator ${percent(run.generatorCpuShare)}, p50/p99 ${milliseconds(run.p50)}/${milliseconds(run.p99)} ms${run.faults > 0 ? `, ${run.faults} FAULTS` : ''}`;
}

function table(
  entries: readonly Entry[],
  results: ReadonlyMap<string, readonly RoundTripResult[]>,
): Section['tables'][0] {
  const reference = median(valid(results.get(BASE)).map((run) => run.perServerCpuSecond));
  return {
    columns: [
      'server',
      'round trips per server CPU-s',
      'range',
      '× raw echo',
      'p50 ms',
      'p99 ms',
      'server',
      'generator',
      'wrong',
    ],
    rows: entries.flatMap(({ label, server }) => {
      const all = results.get(label) ?? [];
      if (all.length === 0) return [];
      const isMeasured = valid(all).length > 0;
      const runs = isMeasured ? valid(all) : all;
      const figures = runs.map((run) => run.perServerCpuSecond);
      const middle = (figure: (run: RoundTripResult) => number): number => median(runs.map(figure));
      const voids = all.length - valid(all).length;
      return [
        [
          isSignalbox(server) ? `**${label}**` : label,
          isMeasured ? `**${short(median(figures))}**` : `void (${short(median(figures))})`,
          `${short(Math.min(...figures))} – ${short(Math.max(...figures))} (${runs.length})`,
          isMeasured && Number.isFinite(reference) ? (median(figures) / reference).toFixed(2) : 'not measured',
          milliseconds(middle((run) => run.p50)),
          milliseconds(middle((run) => run.p99)),
          percent(middle((run) => run.serverCpuShare)),
          `${percent(middle((run) => run.generatorCpuShare))}${voids > 0 ? `, **${voids} void**` : ''}`,
          String(all.reduce((sum, { faults }) => sum + faults, 0)),
        ],
      ];
    }),
  };
}
