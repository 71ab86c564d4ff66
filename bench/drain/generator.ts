/** A process with its share of the clients; `crowd.ts` starts it and speaks with it over the channel of `node:child_process`. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { userTokens } from '../tokens.ts';
import { clientLibrary, type PeerName } from './clients.ts';
import { machineMs, ReaderRecord, type Delivery, type Silence } from './reader-record.ts';

/** What was published, by room. */
export interface Sent {
  /** Messages, numbered from 1. */
  readonly published: readonly number[];
  /** Numbers of those that the publisher was told are not there. */
  readonly refused: readonly (readonly number[])[];
}

export type Order =
  | {
      readonly kind: 'open';
      readonly peer: PeerName;
      readonly url: string;
      /** The numbers of its clients, the end excluded. */
      readonly from: number;
      readonly to: number;
      readonly rooms: number;
    }
  | { readonly kind: 'window' }
  | { readonly kind: 'end'; readonly sent: Sent; readonly patienceMs: number };

export type Answer =
  | { readonly kind: 'open' }
  /** @property stallMs how long the process itself stood still at most: its clients heard nothing meanwhile */
  | { readonly kind: 'window'; readonly silences: readonly Silence[]; readonly stallMs: number }
  | { readonly kind: 'end'; readonly deliveries: readonly Delivery[] };

/** New clients a second. */
const OPENS_PER_SECOND = 250;
const STEP_MS = 20;

const records: ReaderRecord[] = [];
const closers: (() => void)[] = [];
const delay = monitorEventLoopDelay({ resolution: 5 });

function roomOf(client: number, rooms: number): string {
  return `drain.room-${client % rooms}`;
}

async function open({ peer, url, from, to, rooms }: Order & { kind: 'open' }): Promise<void> {
  const library = await clientLibrary(peer);
  const tokens = await userTokens(to);
  const live: Promise<void>[] = [];
  for (let client = from; client < to; client += 1) {
    const record = new ReaderRecord(roomOf(client, rooms));
    const joined = Promise.withResolvers<void>();
    const events = {
      at: (node: string) => record.at(node),
      live: () => joined.resolve(),
      gap: () => record.gap(),
      broken: () => record.broken(),
      message: (payload: Parameters<ReaderRecord['message']>[0]) => record.message(payload, machineMs()),
    };
    records.push(record);
    live.push(joined.promise);
    closers.push(library.openReader(url, record.room, events, tokens[client] ?? ''));
    await pause(1_000 / OPENS_PER_SECOND);
  }
  await Promise.all(live);
}

async function end({ published, refused }: Sent, patienceMs: number): Promise<Delivery[]> {
  const deadline = machineMs() + patienceMs;
  for (const record of records) {
    const room = Number(record.room.split('-')[1]);
    record.expect(published[room] ?? 0, refused[room] ?? []);
  }
  while (machineMs() < deadline && !records.every((record) => record.hasAll)) await pause(STEP_MS);
  return records.map((record) => record.delivery());
}

function window(): Answer {
  const now = machineMs();
  const stallMs = delay.max / 1e6;
  delay.reset();
  return { kind: 'window', silences: records.map((record) => record.window(now)), stallMs };
}

async function carryOut(order: Order): Promise<Answer> {
  if (order.kind === 'window') return window();
  if (order.kind === 'end') return { kind: 'end', deliveries: await end(order.sent, order.patienceMs) };
  await open(order);
  delay.enable();
  return { kind: 'open' };
}

process.on('message', (order: Order) => {
  void carryOut(order).then((answer) => process.send?.(answer));
});
process.once('disconnect', () => {
  for (const close of closers) close();
  process.exit(0);
});
