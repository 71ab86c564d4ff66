/** A plan and a report for the tests of this room. */
import type { LoadPlan } from './plan.ts';
import type { LoadReport } from './report.ts';

export function planOf(changes: Partial<LoadPlan> = {}): LoadPlan {
  return {
    runId: 'abc123',
    target: {
      url: 'ws://localhost:8081/ws',
      address: '127.0.0.1',
      port: 8081,
      authority: 'localhost:8081',
      path: '/ws',
      tls: false,
      isLoopback: true,
    },
    connections: 5_000,
    topics: 500,
    subscribers: 10,
    publishers: 2,
    pace: { kind: 'rate', perSecond: 100 },
    topicPrefix: 'load.abc123',
    payloadBytes: 128,
    format: 'json',
    batching: false,
    ramp: { connections: 10, everyMs: 10 },
    warmUpMs: 1_000,
    durationMs: 300_000,
    settleMs: 5_000,
    threads: 1,
    storms: null,
    slowReaders: null,
    ...changes,
  };
}

export const NOTHING = { count: 0, mean: 0, min: 0, p50: 0, p90: 0, p99: 0, p999: 0, max: 0 };
export const SOME = { count: 1_000, mean: 1.5, min: 0.2, p50: 1.25, p90: 2, p99: 4, p999: 8, max: 12_345.6 };

export function reportOf(changes: Partial<LoadReport> = {}): LoadReport {
  const { target: _target, ...plan } = planOf({ durationMs: 3_000 });
  return {
    kind: 'websocket',
    tool: 'signalbox load',
    version: '0.1.0',
    startedAt: '2026-11-23T04:00:00.000Z',
    command: 'signalbox load --url ws://localhost:8081/ws',
    machine: { host: 'host', cpu: 'a processor', processors: 2, node: 'v22.0.0' },
    url: 'ws://localhost:8081/ws',
    verdict: 'ok',
    wasInterrupted: false,
    measuredSeconds: 3,
    checks: [{ name: 'nothing lost silently', ok: true, found: 0, says: 'messages that never came' }],
    generator: { voidAbove: 0.9, threads: [{ name: 'thread 1', cpu: 0.25, busiest: 0.5 }] },
    plan,
    connections: { wanted: 5_002, neverOpen: 0, connect: SOME, refusals: {}, closes: {} },
    publishes: {
      sent: 300,
      acknowledged: 300,
      refused: 0,
      unanswered: 0,
      skipped: 0,
      perSecond: 100,
      acknowledgedPerSecond: 100,
      ack: SOME,
      late: NOTHING,
    },
    deliveries: {
      expected: 3_000,
      received: 3_000,
      replayed: 0,
      lost: 0,
      lossShare: 0,
      duplicates: 0,
      reordered: 0,
      gaps: 0,
      announcedMissing: 0,
      historiesLost: 0,
      perSecond: 1_000,
      bytesPerSecond: 358_000,
      perMessage: 1,
      latency: SOME,
      curve: [
        { percentile: 0, ms: 0.2 },
        { percentile: 50, ms: 1.25 },
        { percentile: 99, ms: 4 },
      ],
      decoded: 0,
    },
    storms: [],
    slowReaders: null,
    errors: {},
    series: [0, 1, 2].map((second) => ({
      second,
      deliveries: 1_000 + second,
      replayed: 0,
      messages: 1_000,
      bytes: 358_000,
      published: 100,
      acknowledged: 100,
      refused: 0,
      skipped: 0,
      open: 5_002,
      p50: 1.25,
      p99: 4 + second,
      max: 9,
    })),
    ...changes,
  };
}
