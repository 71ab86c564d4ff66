/**
 * W7: rooms of two, of one and of ten. One publication under way in each room, the members in turn; each is acknowledged and
 * received by everybody in the room. All servers stand at once and take slices in turn, so that each round gives one ratio.
 */
import { available, VOID_ABOVE, type Entry } from '../entry.ts';
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

const PAYLOAD = 128;
const SLICE_SECONDS = 0.4;
const AGAIN = 2;
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
    sittings: 2,
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
    const rounds = await takeTurns(size, entries, plan);
    plan.say(`W7: rooms of ${members}, latency at half of that rate`);
    const atHalf = await atHalfRate(size, entries, rounds, plan);
    tables.push(table(members, entries, rounds, atHalf));
    targets.push(...targetsOf(members, rounds, atHalf));
    figures[`rooms of ${members}`] = { closedLoop: Object.fromEntries(rounds), atHalf: Object.fromEntries(atHalf) };
  }
  const redis = await onRedis(plan);
  return {
    id: 'w7',
    title: 'W7: rooms of two, of one and of ten, 200 connections, one publication under way in each room',
    notes: [
      'Members publish in turn; a publication is complete when it is acknowledged and every member, its sender included, has received it. The payload is 128 B for everybody; in the lines *our bytes* it is longer, so that as many bytes leave the server as leave ours. *Stored before answered* is what Signalbox and JetStream promise; the others answer without storing anything. JetStream’s members listen to the subject itself and not through a consumer, which is its cheapest way. Latency is measured at half of each server’s own rate, from the intended time of sending to the deliveries. There is no Centrifugo here: neither npm nor Debian has its server.',
    ],
    tables: [...tables, ...redis.tables],
    charts: [],
    targets: [...targets, ...redis.targets],
    figures: { ...figures, redis: redis.figures },
  };
}

/** Sittings with fresh processes; in each, slices of all of them in turn, the order turned round every time. */
async function takeTurns(size: Size, entries: readonly RoomsEntry[], plan: Plan): Promise<Rounds> {
  const rounds = new Map<string, (RoomsResult | null)[]>(entries.map(({ label }) => [label, []]));
  for (let sitting = 0; sitting < (plan.isQuick ? 1 : size.sittings); sitting += 1) {
    const standing = await standUp(size, entries, plan);
    try {
      for (let round = 0; round < plan.rounds; round += 1) {
        const turn = round % 2 === 0 ? entries : entries.toReversed();
        for (const { label } of turn) rounds.get(label)?.push(await slice(standing.get(label), label, plan));
      }
    } finally {
      for (const each of standing.values()) await each.close();
    }
  }
  return rounds;
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
      bytes.set(entry.label, (await rooms.closedLoop(plan.warmUpSeconds)).bytesPerPublication);
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

async function slice(rooms: StandingRooms | undefined, label: string, plan: Plan): Promise<RoomsResult | null> {
  if (rooms === undefined) return null;
  for (let tries = 0; tries <= AGAIN; tries += 1) {
    const result = await rooms.closedLoop(plan.isQuick ? plan.seconds : SLICE_SECONDS);
    const isVoid = result.generatorCpuShare > VOID_ABOVE;
    plan.say(`  ${label.padEnd(48)} ${describe(result)}${isVoid ? ', void: again' : ''}`);
    if (!isVoid) return result;
  }
  return null;
}

/** One sitting: all of them at half of what they did in the closed loop. */
async function atHalfRate(
  size: Size,
  entries: readonly RoomsEntry[],
  rounds: Rounds,
  plan: Plan,
): Promise<ReadonlyMap<string, RoomsResult>> {
  const found = new Map<string, RoomsResult>();
  const halved = entries.filter(({ isAtOurBytes, isEcho }) => isAtOurBytes !== true && isEcho !== true);
  for (const { server, label } of halved) {
    const own = median(valid(rounds, label).map((result) => result.perSecond));
    if (Number.isNaN(own)) continue;
    const rooms = await StandingRooms.open(server, { ...size, payloadBytes: PAYLOAD });
    try {
      await rooms.closedLoop(plan.warmUpSeconds);
      const result = await rooms.atRate(plan.isQuick ? plan.seconds : 2 * plan.seconds, own / 2);
      found.set(label, result);
      plan.say(`  ${label.padEnd(48)} ${describe(result)}`);
    } finally {
      await rooms.close();
    }
  }
  return found;
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

function table(
  members: number,
  entries: readonly RoomsEntry[],
  rounds: Rounds,
  atHalf: ReadonlyMap<string, RoomsResult>,
): Table {
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
    rows: entries.map(({ label, server }) => {
      const all = rounds.get(label) ?? [];
      const results = valid(rounds, label);
      const name = isSignalbox(server) ? `**${label}**` : label;
      if (results.length === 0) return [name, all.length === 0 ? '–' : 'void', ...Array.from({ length: 9 }, () => '–')];
      const middle = (figure: (result: RoomsResult) => number): number => median(results.map(figure));
      const figures = results.map((result) => result.perServerCpuSecond);
      const over = paired(rounds, OURS, label);
      const half = atHalf.get(label);
      const voids = all.length - results.length;
      return [
        name,
        `**${short(median(figures))}**`,
        `${short(quantile(figures, 0.25))} – ${short(quantile(figures, 0.75))} (${results.length}${voids > 0 ? `, ${voids} void` : ''})`,
        over === null ? 'not measured' : over.ratio.toFixed(2),
        over === null ? '–' : `${over.low.toFixed(2)} – ${over.high.toFixed(2)}`,
        middle((result) => result.bytesPerPublication).toFixed(0),
        percent(middle((result) => result.serverCpuShare)),
        percent(middle((result) => result.generatorCpuShare)),
        half === undefined ? '–' : milliseconds(half.p50),
        half === undefined ? '–' : milliseconds(half.p99),
        String(results.reduce((sum, { faults }) => sum + faults, half?.faults ?? 0)),
      ];
    }),
  };
}

function targetsOf(members: number, rounds: Rounds, atHalf: ReadonlyMap<string, RoomsResult>): Target[] {
  const least = (theirs: string, goal: number): Target => ({
    text: `W7, rooms of ${members}, JSON × ${theirs}`,
    goal,
    compare: '>=',
    reached: paired(rounds, OURS, theirs)?.ratio ?? null,
  });
  if (members === 1) return [least(RAW, 0.75), least(ECHO, 0.55)];
  if (members !== 2) return [];
  const [ours, theirs] = [atHalf.get(OURS), atHalf.get('Socket.IO')];
  return [
    least('Socket.IO', 2),
    least('ws', 1.1),
    least('NATS JetStream, memory', 1.5),
    {
      text: 'W7, rooms of 2, p99 at half rate × Socket.IO’s',
      goal: 1,
      compare: '<=',
      reached: ours === undefined || theirs === undefined ? null : ours.p99 / theirs.p99,
    },
  ];
}
