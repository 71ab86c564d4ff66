/** W7 on a node with Redis: beside a JetStream that stores in a file, and beside bare pipelined calls of the same script. */
import { cpuSecondsAtRest } from '../processes.ts';
import { BareCalls } from '../redis/bare-calls.ts';
import { RedisProcess } from '../redis/redis-process.ts';
import type { Plan, Table, Target } from '../section.ts';
import { SERVERS } from '../servers.ts';
import { median, milliseconds, quantile, short } from '../statistics.ts';
import { StandingRooms } from './w7-measure.ts';

interface Figures {
  readonly perCpuSecond: number;
  /** With the processor time of Redis, which does the storing. */
  readonly perCpuSecondOfBoth: number;
  readonly p99: number | null;
  readonly faults: number;
}

type Runs = Readonly<Record<string, readonly Figures[]>>;

const PAYLOAD = 128;
const SHAPE = { rooms: 100, members: 2, payloadBytes: PAYLOAD };
const SLICE_SECONDS = 0.4;
const SITTINGS = 2;
const OURS = 'Signalbox, JSON, on Redis';
const BARE = 'bare pipelined calls of the script';
const BARE_MANY = 'bare pipelined calls, 2,048 under way';
const STREAM = 'NATS JetStream, file';
const MANY = 2_048;
const TOPICS = 4_096;

export async function onRedis(plan: Plan): Promise<{ tables: Table[]; targets: Target[]; figures: Runs }> {
  plan.say('W7: 100 rooms of 2 on Redis');
  const runs: Record<string, Figures[]> = { [OURS]: [], [BARE]: [], [BARE_MANY]: [], [STREAM]: [] };
  if (plan.servers === null)
    for (let sitting = 0; sitting < (plan.isQuick ? 1 : SITTINGS); sitting += 1) await sit(runs, plan);
  return {
    tables: [table(runs)],
    targets: [
      {
        text: 'W7, rooms of 2 on Redis, per CPU-second of the node × bare pipelined calls',
        goal: 0.8,
        compare: '>=',
        reached: paired(runs, BARE)?.ratio ?? null,
      },
    ],
    figures: runs,
  };
}

async function sit(runs: Record<string, Figures[]>, plan: Plan): Promise<void> {
  // As JetStream does: written to the file at once, flushed to the disk from time to time.
  const redis = await RedisProcess.start(['--appendonly', 'yes', '--appendfsync', 'everysec']);
  const ours = await StandingRooms.open('signalbox-json', SHAPE, { 'redis.url': redis.url });
  const bare = await BareCalls.start(redis.port, { topics: SHAPE.rooms, inFlight: SHAPE.rooms, payloadBytes: PAYLOAD });
  const many = await BareCalls.start(redis.port, { topics: TOPICS, inFlight: MANY, payloadBytes: PAYLOAD });
  const missing = SERVERS['jetstream-file'].missing();
  if (missing !== null) plan.say(`skipped: ${STREAM}: ${missing}`);
  const stream = missing === null ? await StandingRooms.open('jetstream-file', SHAPE) : null;
  const turns: Record<string, (seconds: number) => Promise<Figures>> = {
    [OURS]: (seconds) => rooms(ours, seconds, redis),
    [BARE]: (seconds) => calls(bare, seconds, redis),
    [BARE_MANY]: (seconds) => calls(many, seconds, redis),
    ...(stream !== null && { [STREAM]: (seconds: number) => rooms(stream, seconds, null) }),
  };
  try {
    for (const turn of Object.values(turns)) await turn(2 * plan.warmUpSeconds);
    for (let round = 0; round < plan.rounds; round += 1) {
      const order = Object.entries(turns);
      for (const [label, turn] of round % 2 === 0 ? order : order.toReversed()) {
        const figures = await turn(plan.isQuick ? plan.seconds : SLICE_SECONDS);
        runs[label]?.push(figures);
        plan.say(
          `  ${label.padEnd(48)} ${short(figures.perCpuSecond)} per CPU-s, ${short(figures.perCpuSecondOfBoth)} with Redis'${figures.faults > 0 ? `, ${figures.faults} FAULTS` : ''}`,
        );
      }
    }
  } finally {
    bare.end();
    many.end();
    await stream?.close();
    await ours.close();
    await redis.end();
  }
}

async function rooms(standing: StandingRooms, seconds: number, redis: RedisProcess | null): Promise<Figures> {
  const before = redis === null ? 0 : cpuSecondsAtRest(redis.pid);
  const { perServerCpuSecond, published, p99, faults } = await standing.closedLoop(seconds);
  const theirs = redis === null ? 0 : cpuSecondsAtRest(redis.pid) - before;
  const perCpuSecondOfBoth = published / (published / perServerCpuSecond + theirs);
  return { perCpuSecond: perServerCpuSecond, perCpuSecondOfBoth, p99, faults };
}

async function calls(bare: BareCalls, seconds: number, redis: RedisProcess): Promise<Figures> {
  const before = cpuSecondsAtRest(redis.pid);
  const run = await bare.run(seconds);
  const theirs = cpuSecondsAtRest(redis.pid) - before;
  return {
    perCpuSecond: run.calls / run.cpu,
    perCpuSecondOfBoth: run.calls / (run.cpu + theirs),
    p99: null,
    faults: 0,
  };
}

function paired(runs: Runs, theirs: string): { ratio: number; low: number; high: number } | null {
  const others = runs[theirs] ?? [];
  const ratios = (runs[OURS] ?? []).flatMap((mine, at) => {
    const other = others[at];
    return other === undefined ? [] : [mine.perCpuSecond / other.perCpuSecond];
  });
  if (ratios.length === 0) return null;
  return { ratio: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) };
}

function table(runs: Runs): Table {
  return {
    columns: [
      'rooms of 2, stored outside of the process',
      'publications per CPU-s of the server',
      'and with the CPU of Redis',
      'ours × (server alone)',
      'middle half of the ratio',
      'p99 ms',
      'rounds',
      'wrong',
    ],
    rows: Object.entries(runs).map(([label, all]) => {
      const name = label === OURS ? `**${label}**` : label;
      if (all.length === 0) return [name, 'not measured', ...Array.from({ length: 6 }, () => '–')];
      const over = paired(runs, label);
      const latencies = all.flatMap(({ p99 }) => (p99 === null ? [] : [p99]));
      return [
        name,
        `**${short(median(all.map((each) => each.perCpuSecond)))}**`,
        short(median(all.map((each) => each.perCpuSecondOfBoth))),
        over === null ? '–' : over.ratio.toFixed(2),
        over === null ? '–' : `${over.low.toFixed(2)} – ${over.high.toFixed(2)}`,
        latencies.length === 0 ? '–' : milliseconds(median(latencies)),
        String(all.length),
        String(all.reduce((sum, { faults }) => sum + faults, 0)),
      ];
    }),
  };
}
