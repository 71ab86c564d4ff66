/** W2: many small topics, 5,000 connections on 500 topics: with 640 publications in flight, with coalescing, and with 6,400. */
import { alternate, available, ratio, valid, type Entry } from '../entry.ts';
import type { Plan, Section, Target } from '../section.ts';
import { fanOut, type FanOutOptions } from './fan-out.ts';
import { describe, perCpuSecond, throughputChart, throughputTable, type Results } from './fan-out-table.ts';

const PAYLOAD = 128;
const BASE = 'raw corked loop';
const JSON_OURS = 'Signalbox, JSON';
const COALESCING = 'Signalbox, JSON, 30 ms of coalescing';
const DEEP_ROUNDS = 3;

export async function w2(plan: Plan): Promise<Section> {
  const common = {
    topics: plan.isQuick ? 50 : 500,
    subscribersPerTopic: 10,
    payloadBytes: PAYLOAD,
    seconds: plan.seconds,
    warmUpSeconds: plan.warmUpSeconds,
  };
  const run = (entry: Entry, load: FanOutOptions['load']): ReturnType<typeof fanOut> =>
    fanOut(entry.server, {
      ...common,
      load,
      ...(entry.payloadBytes !== undefined && { payloadBytes: entry.payloadBytes }),
      ...(entry.settings && { settings: entry.settings }),
    });
  const { bytesPerDelivery } = await fanOut('signalbox-json', {
    ...common,
    topics: 10,
    load: { inFlight: 20 },
    seconds: 0.3,
  });
  const bytes = Math.round(bytesPerDelivery);
  plan.say('W2: 5,000 connections, 500 topics x 10 subscribers, 640 in flight');
  const shallow = available(
    [
      { server: 'raw-cork', label: BASE },
      { server: 'raw-cork', label: `${BASE}, bytes of JSON`, payloadBytes: bytes, rounds: 3 },
      { server: 'bun', label: 'Bun' },
      { server: 'bun', label: 'Bun, bytes of JSON', payloadBytes: bytes, rounds: 3 },
      { server: 'signalbox-json', label: JSON_OURS },
      { server: 'signalbox-msgpack', label: 'Signalbox, MessagePack', rounds: 3 },
      { server: 'signalbox-json', label: COALESCING, settings: { 'actor_system.coalesce_ms': '30' } },
      { server: 'raw-native', label: 'raw native publish', rounds: 1 },
      { server: 'floor', label: 'C floor', rounds: 1 },
      { server: 'ws', label: 'ws', rounds: 1 },
      { server: 'nats', label: 'nats-server', rounds: 1 },
    ] satisfies Entry[],
    plan,
  );
  const at640 = await alternate(shallow, plan, (entry) => run(entry, { inFlight: plan.isQuick ? 64 : 640 }), describe);
  plan.say('W2: the same, 6,400 in flight');
  const deep = available(
    [
      { server: 'raw-cork', label: BASE, rounds: DEEP_ROUNDS },
      { server: 'bun', label: 'Bun', rounds: DEEP_ROUNDS },
      { server: 'signalbox-json', label: JSON_OURS, rounds: DEEP_ROUNDS },
      { server: 'signalbox-json+batch', label: 'Signalbox, JSON, batching', rounds: DEEP_ROUNDS },
    ] satisfies Entry[],
    plan,
  );
  const at6400 = await alternate(deep, plan, (entry) => run(entry, { inFlight: plan.isQuick ? 640 : 6_400 }), describe);
  plan.say('W2: the same, 8,000 publications a second');
  const steady = available(
    [
      { server: 'raw-cork', label: BASE, rounds: 2 },
      { server: 'bun', label: 'Bun', rounds: 2 },
      { server: 'signalbox-json', label: JSON_OURS, rounds: 2 },
      { server: 'signalbox-json', label: COALESCING, settings: { 'actor_system.coalesce_ms': '30' }, rounds: 2 },
    ] satisfies Entry[],
    plan,
  );
  const atRate = await alternate(
    steady,
    plan,
    (entry) => run(entry, { perSecond: plan.isQuick ? 800 : 8_000 }),
    describe,
  );
  return {
    id: 'w2',
    title: 'W2: 5,000 connections, 500 topics × 10 subscribers × 128 B',
    notes: [
      'The first table has 640 publications in flight (1.3 a topic), the second 6,400 (13 a topic), the third a fixed rate of 8,000 a second (16 a topic).',
    ],
    tables: [
      latencies(throughputTable(shallow, at640, BASE), at640),
      latencies(throughputTable(deep, at6400, BASE), at6400),
      latencies(throughputTable(steady, atRate, BASE), atRate),
    ],
    charts: [throughputChart('w2', 'W2: deliveries per server CPU-second, 640 in flight', shallow, at640)],
    targets: targets(at640, at6400, atRate),
    figures: {
      inFlight640: Object.fromEntries(at640),
      inFlight6400: Object.fromEntries(at6400),
      atRate: Object.fromEntries(atRate),
    },
  };
}

function targets(at640: Results, at6400: Results, atRate: Results): Target[] {
  const goal = (text: string, results: Results, ours: string, theirs: string, least: number): Target => ({
    text: `W2, ${text}${ours} × ${theirs}`,
    goal: least,
    compare: '>=',
    reached: ratio(results, ours, theirs, perCpuSecond),
  });
  return [
    goal('', at640, JSON_OURS, BASE, 1.1),
    goal('', at640, JSON_OURS, 'Bun', 1.2),
    goal('', at640, COALESCING, 'Bun', 1.4),
    // The generator is never the limit there, so these can be measured on every machine.
    goal('8,000 a second, ', atRate, JSON_OURS, BASE, 1.1),
    goal('8,000 a second, ', atRate, JSON_OURS, 'Bun', 1.2),
    goal('6,400 in flight, ', at6400, JSON_OURS, BASE, 0.95),
    {
      text: 'W2, 6,400 in flight, p99 of JSON × p99 of the raw corked loop',
      goal: 1,
      compare: '<=',
      reached: ratio(at6400, JSON_OURS, BASE, ({ p99 }) => p99),
    },
  ];
}

/** Adds latency under this load: with so many in flight it is the time that a round takes. */
function latencies(table: ReturnType<typeof throughputTable>, results: Results): ReturnType<typeof throughputTable> {
  const byLabel = [...results.values()]
    .filter((runs) => runs.length > 0)
    .map((runs) => (valid(runs).length > 0 ? valid(runs) : runs));
  return {
    columns: [...table.columns, 'p50 ms', 'p99 ms'],
    rows: table.rows.map((row, at) => {
      const runs = byLabel[at] ?? [];
      const middle = (figure: 'p50' | 'p99'): string =>
        ([...runs].map((each) => each[figure]).sort((a, b) => a - b)[runs.length >> 1] ?? Number.NaN).toFixed(0);
      return [...row, middle('p50'), middle('p99')];
    }),
  };
}
