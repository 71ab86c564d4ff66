/** Rates, latencies, lag and memory of the last fifteen minutes. */
import { Chart } from '../chart.ts';
import type { Desk, View } from '../desk.ts';
import { h, setText } from '../dom.ts';
import { bytes, count, millis } from '../text.ts';
import { History, type NodeFigures } from './figures.ts';

interface ChartKind {
  readonly title: string;
  readonly figures: Readonly<Record<string, string>>;
  readonly format: (value: number) => string;
  /** Of several nodes the worst counts; else they are added. */
  readonly isWorst?: boolean;
}

const KINDS: readonly ChartKind[] = [
  {
    title: 'Messages per second',
    figures: { published: 'published', delivered: 'delivered', received: 'frames received' },
    format: count,
  },
  {
    title: 'Trouble per second',
    figures: { errors: 'refused frames', displaced: 'displaced', closed: 'connections closed' },
    format: count,
  },
  {
    title: 'Latency',
    figures: {
      delivery_p50_ms: 'delivery, median',
      delivery_p99_ms: 'delivery, 99 of 100',
      ping_p50_ms: 'ping, median',
    },
    format: millis,
    isWorst: true,
  },
  {
    title: 'Lag of the event loop',
    figures: { event_loop_lag_ms: 'the worst of five seconds' },
    format: millis,
    isWorst: true,
  },
  {
    title: 'Memory',
    figures: { rss_bytes: 'process', heap_bytes: 'heap', mailbox_bytes: 'mailboxes' },
    format: bytes,
  },
  { title: 'Cores in use', figures: { cpu: 'cores' }, format: count },
  { title: 'Connections', figures: { connections: 'open', blocked: 'without room' }, format: count },
];

export function chartsView(desk: Desk): View {
  const sum = h('p', { class: 'sum' });
  const charts = KINDS.map((kind) => ({ kind, chart: new Chart(kind, desk.closed) }));
  const history = new History();
  desk.poll(5_000, async (signal) => {
    type Answer = NodeFigures & { readonly nodes?: readonly NodeFigures[] };
    const answer = await desk.api.get<Answer>('/admin/figures', { node: desk.node, since: history.since }, signal);
    const nodes = answer.nodes ?? [answer];
    const told = nodes.filter(({ problem = null }) => problem === null);
    history.keep(told.map(({ node }) => node));
    for (const node of told) history.add(node);
    const everyMs = (told[0]?.every_secs ?? 5) * 1_000;
    const lines = history.lines(everyMs);
    const silent = nodes.flatMap(({ node, problem = null }) => (problem === null ? [] : [`; ${node} ${problem}`]));
    setText(
      sum,
      `${summary(told.length, told[0]?.node)}, every ${everyMs / 1_000} seconds, the last fifteen minutes${silent.join('')}`,
    );
    for (const { kind, chart } of charts) {
      const { figures, isWorst = false } = kind;
      await chart.show(
        lines.at,
        Object.entries(figures).map(([name, label]) => ({ label, values: lines.of(name, isWorst) })),
      );
    }
  });
  return {
    title: 'Charts',
    element: h('div', {}, sum, h('div', { class: 'charts' }, ...charts.map(({ chart }) => chart.element))),
  };
}

function summary(nodes: number, name = ''): string {
  if (nodes === 1) return `Node ${name}`;
  return `${nodes} nodes together: rates and memory are added, of latencies and lag the worst counts`;
}
