/** Tables and charts of fan-out measurements. */
import { valid, type Entry } from '../entry.ts';
import type { BarChart, Table } from '../section.ts';
import { isSignalbox } from '../servers.ts';
import { median, milliseconds, percent, short } from '../statistics.ts';
import type { FanOutResult } from './fan-out.ts';

export type Results = ReadonlyMap<string, readonly FanOutResult[]>;

export function describe(result: FanOutResult): string {
  const wrong = result.faults > 0 ? `, ${result.faults} FAULTS` : '';
  return `${short(result.perServerCpuSecond).padStart(7)} per CPU-s, server ${percent(result.serverCpuShare)}, generator ${percent(result.generatorCpuShare)}, ${result.deliveriesPerRead.toFixed(1)} a read, p50/p99 ${milliseconds(result.p50)}/${milliseconds(result.p99)} ms${wrong}`;
}

export function perCpuSecond({ perServerCpuSecond }: FanOutResult): number {
  return perServerCpuSecond;
}

/** @param base the label that all are compared with */
export function throughputTable(entries: readonly Entry[], results: Results, base: string): Table {
  const reference = median(valid(results.get(base)).map(perCpuSecond));
  return {
    columns: [
      'server',
      'deliveries per server CPU-s',
      'range',
      `× ${base}`,
      'a read',
      'bytes',
      'server',
      'generator',
      'wrong',
    ],
    rows: entries.flatMap(({ label, server }) => {
      const all = results.get(label) ?? [];
      if (all.length === 0) return [];
      // Where every round is void the figures are shown, and called so.
      const isMeasured = valid(all).length > 0;
      const runs = isMeasured ? valid(all) : all;
      const middle = (figure: (run: FanOutResult) => number): number => median(runs.map(figure));
      const figures = runs.map(perCpuSecond);
      const name = isSignalbox(server) ? `**${label}**` : label;
      return [
        [
          name,
          isMeasured ? `**${short(median(figures))}**` : `void (${short(median(figures))})`,
          `${short(Math.min(...figures))} – ${short(Math.max(...figures))} (${runs.length})`,
          isMeasured && Number.isFinite(reference) ? (median(figures) / reference).toFixed(2) : 'not measured',
          middle((run) => run.deliveriesPerRead).toFixed(1),
          middle((run) => run.bytesPerDelivery).toFixed(0),
          percent(middle((run) => run.serverCpuShare)),
          generatorShare(all),
          String(all.reduce((sum, { faults }) => sum + faults, 0)),
        ],
      ];
    }),
  };
}

export function latencyTable(entries: readonly Entry[], results: Results): Table {
  return {
    columns: ['server', 'deliveries per s', 'p50 ms', 'p99 ms', 'max ms', 'server', 'per server CPU-s', 'wrong'],
    rows: entries.flatMap(({ label, server }) => {
      const runs = results.get(label) ?? [];
      if (runs.length === 0) return [];
      const middle = (figure: (run: FanOutResult) => number): number => median(runs.map(figure));
      return [
        [
          isSignalbox(server) ? `**${label}**` : label,
          short(middle((run) => run.perSecond)),
          milliseconds(middle((run) => run.p50)),
          milliseconds(middle((run) => run.p99)),
          milliseconds(middle((run) => run.max)),
          percent(middle((run) => run.serverCpuShare)),
          short(middle(perCpuSecond)),
          String(runs.reduce((sum, { faults }) => sum + faults, 0)),
        ],
      ];
    }),
  };
}

export function throughputChart(name: string, title: string, entries: readonly Entry[], results: Results): BarChart {
  return {
    kind: 'bars',
    name,
    title,
    bars: entries.flatMap(({ label, server }) => {
      const figures = valid(results.get(label)).map(perCpuSecond);
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
  };
}

function generatorShare(runs: readonly FanOutResult[]): string {
  const shares = runs.map(({ generatorCpuShare }) => generatorCpuShare);
  const voids = runs.length - valid(runs).length;
  return voids === 0 ? percent(median(shares)) : `${percent(median(shares))}, **${voids} void**`;
}
