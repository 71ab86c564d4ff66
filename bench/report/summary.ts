/** The figures of docs/performance.md: what a core does, and how many cores a load takes. */
import type { Table } from '../section.ts';
import type { Reports } from './page.ts';

const JSON_ROW = 'Signalbox, JSON';
/** Share of a core that a plan may use: the rest is for bursts and for those who come back after a failure. */
const PLANNED_SHARE = 0.5;

export function reachedTable(reports: Reports): Table {
  const cell = (id: string, row: string, column: string): string => cellOf(reports, id, row, column);
  const per = 'deliveries per server CPU-s';
  const storm = reports['w6']?.section.tables[0];
  const worst = Math.max(...(storm?.rows ?? []).map(([seconds = '']) => Number.parseFloat(seconds)));
  return {
    columns: ['what', 'reached', 'workload'],
    rows: [
      [
        'deliveries per CPU-second, 1,000 subscribers of a busy topic',
        `${cell('w1', JSON_ROW, per)}; ${cell('w1', 'Signalbox, JSON, batching', per)} with batching`,
        'W1',
      ],
      ['the same, when every message comes alone', cell('w1u', JSON_ROW, per), 'W1u'],
      ['deliveries per CPU-second, 500 topics of 10 subscribers', cell('w2', JSON_ROW, per), 'W2'],
      [
        'publishes stored and acknowledged per CPU-second',
        cell('w4', 'Signalbox publish → ack, JSON', 'round trips per server CPU-s'),
        'W4',
      ],
      ['memory of an idle subscribed connection', `${cell('w3', JSON_ROW, 'bytes each')} bytes`, 'W3'],
      [
        'CPU to accept a connection and verify its token',
        `${cell('w3', JSON_ROW, 'first accept, µs of CPU')} µs; ${cell('w3', JSON_ROW, 'accept again, µs')} µs when it comes back`,
        'W3',
      ],
      [
        'p99 of healthy readers while 10 of 110 read nothing',
        `${target(reports, 'w5', 'healthy p99 while stalled')} × without them`,
        'W5',
      ],
      [
        '15,000 clients come back at once, 100 missed messages each',
        `all live after ${worst} s, ${target(reports, 'w6', 'missing, duplicated')} messages missing or duplicated`,
        'W6',
      ],
    ],
  };
}

export function coresTable(reports: Reports): Table {
  const per = 'deliveries per server CPU-s';
  const busy = amount(cellOf(reports, 'w1', JSON_ROW, per));
  const alone = amount(cellOf(reports, 'w1u', JSON_ROW, per));
  const publishes = amount(cellOf(reports, 'w4', 'Signalbox publish → ack, JSON', 'round trips per server CPU-s'));
  const row = (load: string, deliveries: number, published: number, perCore: number): string[] => {
    const share = deliveries / perCore + published / publishes;
    const cores = Math.max(1, Math.ceil(share / PLANNED_SHARE));
    return [load, count(deliveries), count(published), `${Math.ceil(share * 100)} %`, String(cores)];
  };
  return {
    columns: ['load', 'deliveries a second', 'publishes a second', 'of one core', 'cores'],
    rows: [
      row('chat: 10,000 users in rooms of 10, a message a second in each', 10_000, 1_000, alone),
      row('ticker: 100 messages a second to 10,000 users', 1_000_000, 100, busy),
      row('game: 2,000 users in groups of 20, each moves 10 times a second', 400_000, 20_000, alone),
    ],
  };
}

function cellOf(reports: Reports, id: string, row: string, column: string): string {
  const table = reports[id]?.section.tables[0];
  const found = table?.rows.find(([name]) => plain(name ?? '') === row)?.[table.columns.indexOf(column)];
  if (found === undefined) throw new Error(`expected ${id} to have measured ${column} of ${row}: run make bench`);
  return plain(found);
}

function target(reports: Reports, id: string, text: string): string {
  const found = reports[id]?.section.targets.find((each) => each.text.includes(text))?.reached;
  if (found === undefined || found === null) throw new Error(`expected ${id} to have measured "${text}"`);
  return String(Number(found.toFixed(2)));
}

function plain(cell: string): string {
  return cell.replaceAll('*', '');
}

/** `4.47 M`, `170 k`, `void (170 k)` */
function amount(text: string): number {
  const [value = '', unit = ''] = text.replace(/^void \((.*)\)$/, '$1').split(' ');
  return Number(value) * (unit === 'M' ? 1_000_000 : unit === 'k' ? 1_000 : 1);
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
