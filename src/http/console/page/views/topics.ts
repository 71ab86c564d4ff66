/** The topics that nodes serve, the most subscribed first. */
import type { Column } from '../columns.ts';
import type { Desk, View } from '../desk.ts';
import { h, setText } from '../dom.ts';
import { pagesOf } from '../pages.ts';
import { bytes, count } from '../text.ts';
import { showTotal, VirtualTable } from '../virtual-table.ts';

interface Row {
  readonly node?: string;
  readonly topic: string;
  readonly epoch: string;
  readonly sequence: number;
  readonly ephemeral: boolean;
  readonly subscribers: number;
  readonly lagging: number;
  readonly routed: number;
  readonly tail: { readonly from: number; readonly bytes: number };
}

function columnsFor(desk: Desk): Column<Row>[] {
  return [
    { title: 'Topic', text: ({ topic }) => topic, href: ({ topic }) => desk.href('topics', topic), width: 18 },
    { title: 'Node', text: ({ node = desk.node }) => node, width: 9 },
    { title: 'Subscribers', text: (row) => count(row.subscribers), isNumber: true, width: 6 },
    {
      title: 'Lagging',
      text: ({ lagging }) => count(lagging),
      isNumber: true,
      width: 5,
      mark: ({ lagging }) => (lagging > 0 ? 'warn' : ''),
    },
    { title: 'Position', text: (row) => (row.ephemeral ? 'keeps nothing' : `${row.epoch}:${row.sequence}`), width: 14 },
    { title: 'Routed', text: ({ routed }) => count(routed), isNumber: true, width: 7 },
    { title: 'Tail', text: ({ tail }) => bytes(tail.bytes), isNumber: true, width: 6 },
  ];
}

export function topicsView(desk: Desk): View {
  const sum = h('p', { class: 'sum', role: 'status' }, '…');
  const prefix = h('input', { type: 'search', value: desk.filter('prefix'), spellcheck: 'false', autocomplete: 'off' });
  const pages = pagesOf<Row>(desk, '/admin/topics', 'topics', () => ({ prefix: prefix.value.trim() }));
  const table = new VirtualTable<Row>({
    caption: 'Topics',
    columns: columnsFor(desk),
    load: async (offset, limit) => {
      const page = await pages.load(offset, limit);
      showTotal(sum, page.all, 'topics', pages.hint());
      return page;
    },
    failed: (error) => desk.fail(error),
  });
  desk.poll(3_000, () => table.refresh());
  let waiting: ReturnType<typeof setTimeout> | undefined;
  prefix.addEventListener('input', () => {
    desk.keep('prefix', prefix.value.trim());
    clearTimeout(waiting);
    waiting = setTimeout(() => void desk.attempt(() => table.restart()), 200);
  });
  const other = h('input', { required: true, spellcheck: 'false', autocomplete: 'off' });
  const go = (event: Event): void => {
    event.preventDefault();
    location.hash = desk.href('topics', other.value.trim());
  };
  const search = h(
    'form',
    { class: 'row', role: 'search', submit: (event) => event.preventDefault() },
    h('label', {}, 'Begins with', prefix),
  );
  const open = h(
    'form',
    { class: 'row', submit: go },
    h('label', {}, 'Topic by name', other),
    h('button', { type: 'submit' }, 'Open'),
  );
  setText(sum, '…');
  return {
    title: 'Topics',
    element: h('div', { class: 'tall' }, h('div', { class: 'side' }, search, open), sum, table.element),
  };
}
