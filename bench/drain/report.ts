/** Tables of what the runs found, as Markdown. */
import { quantile } from '../redis/redis-process.ts';
import type { Outcome } from './measure.ts';
import type { DrainBenchOptions } from './options.ts';
import type { Busy } from './processor.ts';
import type { Delivery, Silence } from './reader-record.ts';

type Row = readonly (string | number)[];

const COLUMNS = [
  'library and servers',
  'one of two nodes',
  'lost',
  'twice',
  'out of order',
  'median silence',
  'p99',
  'longest',
  'median of its clients',
  'of the others',
  'without a connection',
  'the node ended after',
];

export function outcomeTable(outcomes: readonly Outcome[]): string {
  return table(
    COLUMNS,
    outcomes.map((outcome) => {
      const { silences } = outcome.during;
      const moved = silences.filter(({ node }) => node === outcome.ended);
      const stayed = silences.filter(({ node }) => node !== outcome.ended);
      const sum = (of: (delivery: Delivery) => number): number =>
        outcome.deliveries.reduce((total, delivery) => total + of(delivery), 0);
      return [
        outcome.peer,
        outcome.fault === 'drain' ? 'drained (SIGTERM)' : 'killed (SIGKILL)',
        sum(({ lost }) => lost),
        sum(({ repeated }) => repeated),
        sum(({ disordered }) => disordered),
        ...shares(silences, [0.5, 0.99, 1]),
        ...shares(moved, [0.5]),
        ...shares(stayed, [0.5]),
        `${silences.filter(({ breaks }) => breaks > 0).length} of ${moved.length}`,
        `${(outcome.endedAfterMs / 1_000).toFixed(1)} s`,
      ];
    }),
  );
}

/** What must be known to believe the figures. */
export function conditions(outcome: Outcome, options: DrainBenchOptions): string {
  const { before, during, deliveries } = outcome;
  const late = during.silences.map(({ latestMs }) => latestMs);
  return [
    `${outcome.peer}, ${outcome.fault}: ${options.clients} clients, ${outcome.published} messages published, ${outcome.refusals.length} refused${outcome.refusals.length > 0 ? ` (${[...new Set(outcome.refusals)].join('; ')})` : ''}`,
    `  a message every ${options.intervalMs} ms in each of ${options.rooms} rooms of ${Math.round(options.clients / options.rooms)}`,
    `  longest silence of a client before: median ${shares(before.silences, [0.5])[0]}, longest ${shares(before.silences, [1])[0]}`,
    `  longest delay of a message of a client: median ${ms(quantile(late, 0.5))}, longest ${ms(quantile(late, 1))}`,
    `  holes that the library announced: ${deliveries.reduce((total, { gaps }) => total + gaps, 0)}`,
    `  processors idle: ${percent(before.busy.idle)} before, ${percent(during.busy.idle)} from the fault on; of this run: ${percent(before.busy.own)}, ${percent(during.busy.own)}`,
    `  processor time before: ${timesOf(before.busy)}`,
    `  from the fault on: ${timesOf(during.busy)}`,
    `  a process of the clients stood still for at most ${ms(before.stallMs)} before, ${ms(during.stallMs)} from the fault on`,
  ].join('\n');
}

function shares(silences: readonly Silence[], wanted: readonly number[]): string[] {
  const times = silences.map(({ longestMs }) => longestMs);
  return wanted.map((share) => ms(quantile(times, share)));
}

function timesOf({ seconds }: Busy): string {
  return [...seconds].map(([name, used]) => `${name} ${used.toFixed(2)} s`).join(', ');
}

function ms(value: number): string {
  return `${Math.round(value)} ms`;
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

function table(columns: readonly string[], rows: readonly Row[]): string {
  const line = (cells: Row): string => `| ${cells.join(' | ')} |`;
  return [line(columns), line(columns.map(() => '---')), ...rows.map((row) => line(row))].join('\n');
}
