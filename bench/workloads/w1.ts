/** W1: one topic with 1,000 subscribers, 128 bytes, saturated; then latency at half of each server's own rate. W1u: one publication in flight. */
import { alternate, available, ratio, type Entry } from '../entry.ts';
import type { Plan, Section, Target } from '../section.ts';
import { median } from '../statistics.ts';
import { fanOut, type FanOutOptions } from './fan-out.ts';
import {
  describe,
  latencyTable,
  perCpuSecond,
  throughputChart,
  throughputTable,
  type Results,
} from './fan-out-table.ts';

const PAYLOAD = 128;
const IN_FLIGHT = 64;
const FEW_ROUNDS = 2;

const OURS: readonly Entry[] = [
  { server: 'signalbox-json', label: 'Signalbox, JSON' },
  { server: 'signalbox-msgpack', label: 'Signalbox, MessagePack' },
  { server: 'signalbox-json+batch', label: 'Signalbox, JSON, batching' },
  { server: 'signalbox-msgpack+batch', label: 'Signalbox, MessagePack, batching' },
  { server: 'signalbox-sse', label: 'Signalbox, server-sent events', rounds: 3 },
  { server: 'signalbox-socketio', label: 'Signalbox, Socket.IO', rounds: 3 },
];
const BASE = 'raw corked loop';
const NODE_PEERS = ['ws', 'Socket.IO', 'SocketCluster'];

function shape(plan: Plan): Omit<FanOutOptions, 'load' | 'payloadBytes'> {
  return {
    topics: 1,
    subscribersPerTopic: plan.isQuick ? 100 : 1_000,
    seconds: plan.seconds,
    warmUpSeconds: plan.warmUpSeconds,
  };
}

export async function w1(plan: Plan): Promise<Section> {
  plan.say('W1: 1 topic x 1,000 subscribers x 128 B, 64 in flight');
  const bytes = await frameBytes(plan);
  const entries = available(
    [
      { server: 'raw-cork', label: BASE },
      { server: 'raw-cork', label: `${BASE}, bytes of JSON`, payloadBytes: bytes.json },
      { server: 'raw-cork', label: `${BASE}, bytes of MessagePack`, payloadBytes: bytes.msgpack },
      { server: 'floor', label: 'C floor' },
      { server: 'bun', label: 'Bun' },
      { server: 'bun', label: 'Bun, bytes of JSON', payloadBytes: bytes.json, rounds: 3 },
      { server: 'bun', label: 'Bun, bytes of MessagePack', payloadBytes: bytes.msgpack, rounds: 3 },
      ...OURS,
      { server: 'nats', label: 'nats-server', rounds: 3 },
      { server: 'nchan', label: 'nginx + nchan', rounds: FEW_ROUNDS },
      { server: 'raw-native', label: 'raw native publish', rounds: FEW_ROUNDS },
      { server: 'ws', label: 'ws', rounds: FEW_ROUNDS },
      { server: 'socket.io', label: 'Socket.IO', rounds: FEW_ROUNDS },
      { server: 'socketcluster', label: 'SocketCluster', rounds: FEW_ROUNDS },
    ] satisfies Entry[],
    plan,
  );
  const measure = (entry: Entry, load: FanOutOptions['load']): ReturnType<typeof fanOut> =>
    fanOut(entry.server, { ...shape(plan), payloadBytes: entry.payloadBytes ?? PAYLOAD, load });
  const results = await alternate(entries, plan, (entry) => measure(entry, { inFlight: IN_FLIGHT }), describe);
  plan.say('W1: latency at half of that rate');
  const halved = entries.filter(({ payloadBytes }) => payloadBytes === undefined);
  const atHalf = await alternate(
    halved,
    { ...plan, rounds: 1 },
    (entry) => {
      const perSecond = median((results.get(entry.label) ?? []).map((run) => run.perSecond));
      return measure(entry, { perSecond: perSecond / 2 / shape(plan).subscribersPerTopic });
    },
    describe,
  );
  return {
    id: 'w1',
    title: 'W1: 1 topic × 1,000 subscribers × 128 B, 64 publications in flight',
    notes: [
      'Then latency at half of each server’s own rate, from the intended time of sending. Batches shrink at lower load, so a delivery costs more there.',
    ],
    tables: [throughputTable(entries, results, BASE), latencyTable(halved, atHalf)],
    charts: [throughputChart('w1', 'W1: deliveries per server CPU-second, 64 in flight', entries, results)],
    targets: w1Targets(results),
    figures: { saturated: Object.fromEntries(results), atHalf: Object.fromEntries(atHalf) },
  };
}

export async function w1u(plan: Plan): Promise<Section> {
  plan.say('W1u: the same, 1 in flight');
  const bytes = await frameBytes(plan);
  const entries = available(
    [
      { server: 'raw-cork', label: BASE },
      { server: 'raw-cork', label: `${BASE}, bytes of JSON`, payloadBytes: bytes.json },
      { server: 'raw-cork', label: `${BASE}, bytes of MessagePack`, payloadBytes: bytes.msgpack, rounds: 3 },
      { server: 'raw-native', label: 'raw native publish' },
      { server: 'floor', label: 'C floor' },
      { server: 'bun', label: 'Bun' },
      { server: 'signalbox-json', label: 'Signalbox, JSON' },
      { server: 'signalbox-msgpack', label: 'Signalbox, MessagePack', rounds: 3 },
      { server: 'ws', label: 'ws', rounds: 1 },
      { server: 'socket.io', label: 'Socket.IO', rounds: 1 },
    ] satisfies Entry[],
    plan,
  );
  const results = await alternate(
    entries,
    plan,
    ({ server, payloadBytes = PAYLOAD }) => fanOut(server, { ...shape(plan), payloadBytes, load: { inFlight: 1 } }),
    describe,
  );
  const over = (ours: string, theirs: string): number | null => ratio(results, ours, theirs, perCpuSecond);
  return {
    id: 'w1u',
    title: 'W1u: the same, 1 publication in flight (nothing to batch)',
    notes: [],
    tables: [throughputTable(entries, results, BASE)],
    charts: [throughputChart('w1u', 'W1u: deliveries per server CPU-second, 1 in flight', entries, results)],
    targets: ['JSON', 'MessagePack'].flatMap((format) =>
      [BASE, `${BASE}, bytes of ${format}`, 'raw native publish'].map((peer) => ({
        text: `W1u, ${format}, × ${peer}`,
        goal: 1,
        compare: '>=' as const,
        reached: over(`Signalbox, ${format}`, peer),
      })),
    ),
    figures: Object.fromEntries(results),
  };
}

/** Bytes of a delivery of ours, for the comparison at equal bytes on the wire. */
async function frameBytes(plan: Plan): Promise<{ json: number; msgpack: number }> {
  const options = { ...shape(plan), payloadBytes: PAYLOAD, load: { inFlight: IN_FLIGHT }, seconds: 0.3 };
  const [json, msgpack] = [await fanOut('signalbox-json', options), await fanOut('signalbox-msgpack', options)];
  return { json: Math.round(json.bytesPerDelivery), msgpack: Math.round(msgpack.bytesPerDelivery) };
}

function w1Targets(results: Results): Target[] {
  const over = (ours: string, theirs: string): number | null => ratio(results, ours, theirs, perCpuSecond);
  const targets: Target[] = [];
  const add = (ours: string, theirs: string, goal: number): void => {
    targets.push({ text: `W1, ${ours} × ${theirs}`, goal, compare: '>=', reached: over(`Signalbox, ${ours}`, theirs) });
  };
  for (const format of ['JSON', 'MessagePack']) {
    add(format, `${BASE}, bytes of ${format}`, 0.95);
    add(format, 'Bun', 1);
    add(`${format}, batching`, 'C floor', 0.95);
    add(`${format}, batching`, 'Bun', 1.5);
    add(format, 'nats-server', 1.7);
    add(`${format}, batching`, 'nats-server', 1.7);
    for (const peer of NODE_PEERS) add(format, peer, 10);
  }
  return targets;
}
