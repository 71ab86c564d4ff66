/**
 * W7: rooms of two, of one and of ten. One publication under way in each room, the members in turn; each is acknowledged and
 * received by everybody in the room. All servers stand at once and take slices in turn, so that each round gives one ratio.
 */
import { available, isVoid, type Entry } from '../entry.ts';
import type { Plan, Section, Table, Target } from '../section.ts';
import { isSignalbox } from '../servers.ts';
import { median, milliseconds, percent, quantile, short } from '../statistics.ts';
import { StandingRooms, type RoomsResult } from './w7-measure.ts';
import { onRedis } from './w7-redis.ts';

interface RoomsEntry extends Entry {
  /** As many bytes down the wire as ours, with a longer payload. */
  readonly isAtOurBytes?: boolean;
  readonly isEcho?: boolean;
}

interface Size {
  readonly members: number;
  readonly rooms: number;
  readonly sittings: number;
  readonly entries: readonly RoomsEntry[];
}

/** Of one entry: a result for each round, and `null` where the generator was the limit also when it was measured again. */
type Rounds = ReadonlyMap<string, readonly (RoomsResult | null)[]>;

interface Measured {
  /** One publication under way in each room. */
  readonly closedLoop: Rounds;
  /** As many publications a second from everybody, half of what ours does: the generator is the limit of nobody. */
  readonly sameRate: Rounds;
  readonly atHalf: ReadonlyMap<string, RoomsResult>;
}

const PAYLOAD = 128;
const SLICE_SECONDS = 0.4;
const AGAIN = 1;
/** A publish with everything around it is much code: V8 goes on compiling it for longer than that of a fan-out. */
const WARM_UPS = 2;
const OURS = 'Signalbox, JSON';
const RAW = 'raw uWebSockets.js, the same frames';
const ECHO = 'raw uWebSockets.js, bare echo';
const AT_OUR_BYTES = ', our bytes';

const PEERS: readonly RoomsEntry[] = [
  { server: 'raw-cork', label: RAW },
  { server: 'bun', label: 'Bun' },
  { server: 'ws', label: 'ws' },
  { server: 'socket.io', label: 'Socket.IO' },
  { server: 'nats', label: 'nats-server' },
  { server: 'jetstream', label: 'NATS JetStream, memory' },
];
const SIGNALBOX: readonly RoomsEntry[] = [
  { server: 'signalbox-json', label: OURS },
  { server: 'signalbox-msgpack', label: 'Signalbox, MessagePack' },
];
const RAW_AT_OUR_BYTES: RoomsEntry = { server: 'raw-cork', label: RAW + AT_OUR_BYTES, isAtOurBytes: true };
const SIZES: readonly Size[] = [
  {
    members: 2,
    rooms: 100,
    sittings: 2,
    entries: [
      ...PEERS,
      ...SIGNALBOX,
      ...PEERS.map((peer) => ({ ...peer, label: peer.label + AT_OUR_BYTES, isAtOurBytes: true })),
    ],
  },
  {
    members: 1,
    rooms: 200,
    sittings: 1,
    entries: [...PEERS, { server: 'raw-cork', label: ECHO, isEcho: true }, ...SIGNALBOX, RAW_AT_OUR_BYTES],
  },
  { members: 10, rooms: 20, sittings: 1, entries: [...PEERS, ...SIGNALBOX, RAW_AT_OUR_BYTES] },
];

export async function w7(plan: Plan): Promise<Section> {
  const tables: Table[] = [];
  const figures: Record<string, unknown> = {};
  const targets: Target[] = [];
  for (const size of SIZES) {
    const { members } = size;
    plan.say(`W7: ${size.rooms} rooms of ${members}`);
    const entries = available(size.entries, plan);
    const measured = await takeTurns(size, entries, plan);
    tables.push(closedLoopTable(members, entries, measured), sameRateTable(members, entries, measured));
    targets.push(...targetsOf(members, measured));
    figures[`rooms of ${members}`] = Object.fromEntries(
      Object.entries(measured).map(([name, found]) => [name, Object.fromEntries(found)]),
    );
  }
  const redis = await onRedis(plan);
  return {
    id: 'w7',
    title: 'W7: rooms of two, of one and of ten, 200 connections, one publication under way in each room',
    notes: [
      'Members publish in turn; a publication is complete when it is acknowledged and every member, its sender included, has received it. The payload is 128 B for everybody; in the lines *our bytes* it is longer, so that as many bytes leave the server as leave ours. *Stored before answered* is what Signalbox and JetStream promise; the others answer without storing anything. JetStream’s members listen to the subject itself and not through a consumer, which is its cheapest way. The first table of a size is the closed loop, with latency at half of each server’s own rate, from the intended time of sending to the deliveries. In the second everybody gets as many publications a second, half of what ours does in the closed loop: there the generator is never the limit, and nobody gains by batching more. There is no Centrifugo here: neither npm nor Debian has its server.',
    ],
    tables: [...tables, ...redis.tables],
    charts: [],
    targets: [...targets, ...redis.targets],
    figures: { ...figures, redis: redis.figures },
  };
}

/** Sittings with fresh processes; in each, slices of all of them in turn, the order turned round every time. */
async function takeTurns(size: Size, entries: readonly RoomsEntry[], plan: Plan): Promise<Measured> {
  const empty = (): Map<string, (RoomsResult | null)[]> => new Map(entries.map(({ label }) => [label, []]));
  const [closedLoop, sameRate] = [empty(), empty()];
  const atHalf = new Map<string, RoomsResult>();
  const seconds = plan.isQuick ? plan.seconds : SLICE_SECONDS;
  for (let sitting = 0; sitting < (plan.isQuick ? 1 : size.sittings); sitting += 1) {
    const standing = await standUp(size, entries, plan);
    try {
      const own = (await standing.get(OURS)?.closedLoop(seconds))?.perSecond ?? 0;
      for (let round = 0; round < plan.rounds; round += 1) {
        const turn = round % 2 === 0 ? entries : entries.toReversed();
        for (const { label } of turn) {
          const rooms = standing.get(label);
          closedLoop.get(label)?.push(await slice(label, plan, rooms, (each) => each.closedLoop(seconds)));
          if (own > 0)
            sameRate.get(label)?.push(await slice(label, plan, rooms, (each) => each.atRate(seconds, own / 2)));
        }
      }
      if (sitting > 0) continue;
      plan.say(`W7: rooms of ${size.members}, latency at half of its own rate`);
      for (const { label, isAtOurBytes, isEcho } of entries) {
        if (isAtOurBytes === true || isEcho === true) continue;
        const half = median(valid(closedLoop, label).map((result) => result.perSecond)) / 2;
        if (Number.isNaN(half)) continue;
        const result = await slice(label, plan, standing.get(label), (each) => each.atRate(plan.seconds, half));
        if (result !== null) atHalf.set(label, result);
      }
    } finally {
      for (const each of standing.values()) await each.close();
    }
  }
  return { closedLoop, sameRate, atHalf };
}

/** A server that fails is missing from the table, visibly. */
async function standUp(size: Size, entries: readonly RoomsEntry[], plan: Plan): Promise<Map<string, StandingRooms>> {
  const standing = new Map<string, StandingRooms>();
  const bytes = new Map<string, number>();
  // Those with the payload of everybody first: their bytes say how long the others' payload must be.
  for (const entry of entries.toSorted((a, b) => Number(a.isAtOurBytes ?? false) - Number(b.isAtOurBytes ?? false))) {
    try {
      const rooms = await StandingRooms.open(entry.server, {
        ...size,
        payloadBytes: entry.isAtOurBytes === true ? longer(size, entry, bytes) : PAYLOAD,
        isEcho: entry.isEcho ?? false,
      });
      standing.set(entry.label, rooms);
      bytes.set(entry.label, (await rooms.closedLoop(WARM_UPS * plan.warmUpSeconds)).bytesPerPublication);
    } catch (error) {
      plan.say(`  ${entry.label} FAILED: ${String(error)}`);
    }
  }
  return standing;
}

function longer({ members }: Size, { label }: RoomsEntry, bytes: ReadonlyMap<string, number>): number {
  const [ours, theirs] = [bytes.get(OURS), bytes.get(label.slice(0, -AT_OUR_BYTES.length))];
  return ours === undefined || theirs === undefined ? PAYLOAD : Math.round(PAYLOAD + (ours - theirs) / members);
}

async function slice(
  label: string,
  plan: Plan,
  rooms: StandingRooms | undefined,
  run: (rooms: StandingRooms) => Promise<RoomsResult>,
): Promise<RoomsResult | null> {
  if (rooms === undefined) return null;
  for (let tries = 0; tries <= AGAIN; tries += 1) {
    const result = await run(rooms);
    plan.say(`  ${label.padEnd(48)} ${describe(result)}${isVoid(result) ? ', void' : ''}`);
    if (!isVoid(result)) return result;
  }
  return null;
}

function valid(rounds: Rounds, label: string): RoomsResult[] {
  return (rounds.get(label) ?? []).filter((result) => result !== null);
}

function describe(result: RoomsResult): string {
  return `${short(result.perServerCpuSecond).padStart(7)} per CPU-s, server ${percent(result.serverCpuShare)}, generator ${percent(result.generatorCpuShare)}, p50/p99 ${milliseconds(result.p50)}/${milliseconds(result.p99)} ms${result.faults > 0 ? `, ${result.faults} FAULTS` : ''}`;
}

/** Of the rounds in which both were measured; `null` when these are not even half of them. */
function paired(rounds: Rounds, ours: string, theirs: string): { ratio: number; low: number; high: number } | null {
  const [left, right] = [rounds.get(ours) ?? [], rounds.get(theirs) ?? []];
  const ratios = left.flatMap((mine, at) => {
    const other = right[at] ?? null;
    return mine === null || other === null ? [] : [mine.perServerCpuSecond / other.perServerCpuSecond];
  });
  if (ratios.length === 0 || ratios.length * 2 < left.length) return null;
  return { ratio: median(ratios), low: quantile(ratios, 0.25), high: quantile(ratios, 0.75) };
}

function closedLoopTable(members: number, entries: readonly RoomsEntry[], measured: Measured): Table {
  return {
    columns: [
      `rooms of ${members}`,
      'publications per server CPU-s',
      'middle half',
      'ours ×',
      'middle half of the ratio',
      'bytes',
      'server',
      'generator',
      'at half rate: p50 ms',
      'p99 ms',
      'wrong',
    ],
    rows: entries.map((entry) => {
      const cells = rateCells(measured.closedLoop, entry);
      const results = valid(measured.closedLoop, entry.label);
      const half = measured.atHalf.get(entry.label);
      const middle = (figure: (result: RoomsResult) => number): number => median(results.map(figure));
      return [
        ...cells,
        ...(results.length === 0
          ? ['–', '–', '–']
          : [
              middle((result) => result.bytesPerPublication).toFixed(0),
              percent(middle((result) => result.serverCpuShare)),
              percent(middle((result) => result.generatorCpuShare)),
            ]),
        half === undefined ? '–' : milliseconds(half.p50),
        half === undefined ? '–' : milliseconds(half.p99),
        String(results.reduce((sum, { faults }) => sum + faults, half?.faults ?? 0)),
      ];
    }),
  };
}

function sameRateTable(members: number, entries: readonly RoomsEntry[], measured: Measured): Table {
  return {
    columns: [
      `rooms of ${members}, the same rate for all`,
      'publications per server CPU-s',
      'middle half',
      'ours ×',
      'middle half of the ratio',
      'publications a second',
      'p50 ms',
      'p99 ms',
      'wrong',
    ],
    rows: entries.map((entry) => {
      const results = valid(measured.sameRate, entry.label);
      const middle = (figure: (result: RoomsResult) => number): number => median(results.map(figure));
      // An echo brings no delivery whose latency could be seen.
      const latency = (value: number): string => (results.length === 0 || entry.isEcho ? '–' : milliseconds(value));
      return [
        ...rateCells(measured.sameRate, entry),
        short(middle((result) => result.perSecond)),
        latency(middle((result) => result.p50)),
        latency(middle((result) => result.p99)),
        String(results.reduce((sum, { faults }) => sum + faults, 0)),
      ];
    }),
  };
}

/** Name, rate, range, and how many times as much ours does. */
function rateCells(rounds: Rounds, { label, server }: RoomsEntry): string[] {
  const all = rounds.get(label) ?? [];
  const results = valid(rounds, label);
  const name = isSignalbox(server) ? `**${label}**` : label;
  if (results.length === 0) return [name, all.length === 0 ? '–' : 'void', '–', 'not measured', '–'];
  const figures = results.map((result) => result.perServerCpuSecond);
  const over = paired(rounds, OURS, label);
  const voids = all.length - results.length;
  return [
    name,
    `**${short(median(figures))}**`,
    `${short(quantile(figures, 0.25))} – ${short(quantile(figures, 0.75))} (${results.length}${voids > 0 ? `, ${voids} void` : ''})`,
    over === null ? 'not measured' : over.ratio.toFixed(2),
    over === null ? '–' : `${over.low.toFixed(2)} – ${over.high.toFixed(2)}`,
  ];
}

function targetsOf(members: number, { closedLoop, sameRate, atHalf }: Measured): Target[] {
  const least = (theirs: string, goal: number): Target[] => {
    const text = `W7, rooms of ${members}, JSON × ${theirs}`;
    return [
      { text, goal, compare: '>=', reached: paired(closedLoop, OURS, theirs)?.ratio ?? null },
      {
        text: `${text}, the same rate for both`,
        goal,
        compare: '>=',
        reached: paired(sameRate, OURS, theirs)?.ratio ?? null,
      },
    ];
  };
  if (members === 1) return [...least(RAW, 0.75), ...least(ECHO, 0.55)];
  if (members !== 2) return [];
  const [ours, theirs] = [atHalf.get(OURS), atHalf.get('Socket.IO')];
  return [
    ...least('Socket.IO', 2),
    ...least('ws', 1.1),
    ...least('NATS JetStream, memory', 1.5),
    {
      text: 'W7, rooms of 2, p99 at half rate × Socket.IO’s',
      goal: 1,
      compare: '<=',
      reached: ours === undefined || theirs === undefined ? null : ours.p99 / theirs.p99,
    },
  ];
}
