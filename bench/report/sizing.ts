/** The table of docs/operations.md that sizes by the curves of growth: what each costs at its first and at its last point. */
import { readFileSync } from 'node:fs';
import type { Curve } from '../growth/curve.ts';
import { short } from '../statistics.ts';
import { newestCurves } from './growth.ts';
import { markdown, replaceBetween } from './page.ts';

const PAGE = new URL('../../docs/operations.md', import.meta.url);

interface Sizing {
  readonly curve: string;
  readonly figure: string;
  readonly unit: string;
  readonly work: string;
  readonly so: string;
}

const SIZINGS: readonly Sizing[] = [
  {
    curve: 'topics',
    figure: 'memory, MB',
    unit: 'MB',
    work: 'memory of the [topics](scaling.md#topics) of a node without Redis',
    so: 'the bound is `topics.max_topics` (100,000): raise it only with the memory of the container',
  },
  {
    curve: 'topics',
    figure: 'another publish, µs',
    unit: 'µs',
    work: 'a publish to one of them',
    so: 'where topics are many, plan with the last figure: the caches of a processor are small',
  },
  {
    curve: 'topics',
    figure: 'CPU of a second at rest, ms',
    unit: 'ms a second',
    work: 'topics at rest',
    so: 'nothing to plan',
  },
  {
    curve: 'subscriptions',
    figure: 'subscribe, µs',
    unit: 'µs',
    work: 'a [subscription](scaling.md#subscriptions) by a connection that has so many',
    so: 'let clients name many topics in one frame',
  },
  {
    curve: 'subscriptions',
    figure: 'publish with its one delivery, µs',
    unit: 'µs',
    work: 'a delivery to a connection that has so many subscriptions',
    so: 'how many a connection has does not matter',
  },
  {
    curve: 'patterns',
    figure: 'another publish, µs',
    unit: 'µs',
    work: 'a publish beside so many [patterns](scaling.md#patterns)',
    so: 'how many patterns there are does not matter; a subscription looks at every topic that its literal segments leave over',
  },
  {
    curve: 'nodes',
    figure: 'publish, µs of Redis',
    unit: 'µs of Redis',
    work: 'a publish with a reader on so many [nodes](scaling.md#nodes)',
    so: 'nodes with readers of a topic count, the others do not',
  },
  {
    curve: 'nodes',
    figure: 'deliver, µs of another node',
    unit: 'µs of each node',
    work: 'what such a publish costs every other one of these nodes',
    so: 'times the rate of such topics: what a node pays however few clients it has',
  },
  {
    curve: 'keys',
    figure: 'memory of Redis, MB',
    unit: 'MB',
    work: 'memory of so many [keys in Redis](scaling.md#keys-in-redis), two of each topic',
    so: '`stream-node-max-bytes 1024` where topics are many and short ([redis.md](redis.md#what-is-stored-where))',
  },
];

/** docs/operations.md, which is written by hand, with this table brought up to date. @throws when it has lost its marker */
export function operationsPage(): string {
  const curves = newestCurves();
  const rows = SIZINGS.flatMap((sizing) => {
    const curve = curves.find(({ id }) => id === sizing.curve);
    return curve === undefined ? [] : [row(sizing, curve)];
  });
  const table = markdown({ columns: ['work', 'at the least', 'at the most', 'so'], rows });
  return replaceBetween(readFileSync(PAGE, 'utf8'), 'growth-sizing', table);
}

function row({ figure, unit, work, so }: Sizing, { points, of }: Curve): string[] {
  const measured = points.filter(({ figures }) => Number.isFinite(figures[figure] ?? Number.NaN));
  const at = ({ x, figures }: Curve['points'][number]): string =>
    `${short(figures[figure] ?? 0)} ${unit} (${counted(x, of.split(' ')[0] ?? '')})`;
  const [first, last] = [measured[0], measured.at(-1)];
  return [work, first === undefined ? '–' : at(first), last === undefined ? '–' : at(last), so];
}

function counted(count: number, plural: string): string {
  return `${count.toLocaleString('en')} ${count === 1 ? plural.replace(/s$/, '') : plural}`;
}
