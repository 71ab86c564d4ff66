/** Every live node, as it says of itself. */
import type { Column } from '../columns.ts';
import type { Desk, View } from '../desk.ts';
import { h, setText } from '../dom.ts';
import { Table } from '../table.ts';
import { count, dateTime, duration } from '../text.ts';

interface Member {
  readonly node: string;
  readonly instance: string;
  readonly address: string;
  readonly version: string;
  readonly mode: string;
  readonly connections: number;
  readonly started_at: number;
  readonly seen_at: number;
}

interface Answer {
  readonly total: number;
  readonly nodes: readonly Member[];
  /** A node of an earlier version does not say it. */
  readonly departed?: readonly { readonly node: string; readonly seen_at: number }[];
}

const COLUMNS: readonly Column<Member>[] = [
  { title: 'Node', text: ({ node }) => node },
  { title: 'Mode', text: ({ mode }) => mode, mark: ({ mode }) => (mode === 'running' ? 'ok' : 'warn') },
  { title: 'Connections', text: ({ connections }) => count(connections), isNumber: true },
  { title: 'Address', text: ({ address }) => address },
  { title: 'Version', text: ({ version }) => version },
  { title: 'Started', text: ({ started_at: at }) => dateTime(at) },
  {
    title: 'Runs for',
    // By the clock of the node: that of this machine may be another.
    text: ({ started_at: from, seen_at: to }) => duration((to - from) / 1_000),
    isNumber: true,
  },
];

export function nodesView(desk: Desk): View {
  const table = new Table<Member>({
    caption: 'Live nodes',
    columns: COLUMNS,
    keyOf: ({ instance }) => instance,
    none: 'No node has said that it lives.',
  });
  const sum = h('p', { class: 'sum' });
  const gone = h('p', { class: 'problem', role: 'status' });
  desk.poll(2_000, async (signal) => {
    const { total, nodes, departed = [] } = await desk.api.get<Answer>('/admin/nodes', {}, signal);
    table.show(nodes.toSorted((a, b) => (a.node < b.node ? -1 : 1)));
    const connections = nodes.reduce((all, node) => all + node.connections, 0);
    setText(sum, `${count(connections)} connections on ${count(total)} ${total === 1 ? 'node' : 'nodes'}`);
    const missed = departed.map(({ node, seen_at: seen }) => `${node} (last seen ${dateTime(seen)})`);
    setText(gone, missed.length === 0 ? '' : `Gone without having said goodbye: ${missed.join(', ')}.`);
  });
  return { title: 'Nodes', element: h('div', {}, sum, gone, table.element) };
}
