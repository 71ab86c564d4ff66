/** The open connections: searched, sorted, however many. */
import type { Column } from '../columns.ts';
import type { Desk, View } from '../desk.ts';
import { h, setText } from '../dom.ts';
import { pagesOf } from '../pages.ts';
import { bytes, count, duration, millis } from '../text.ts';
import { showTotal, VirtualTable } from '../virtual-table.ts';

interface Row {
  readonly id: string;
  readonly node?: string;
  readonly user: string;
  readonly tenant: string;
  readonly address: string;
  readonly transport: string;
  readonly format: string;
  readonly state: string;
  readonly connected_secs: number;
  readonly subscriptions: number;
  readonly mailbox_messages: number;
  readonly mailbox_bytes: number;
  readonly oldest_age_ms: number;
  readonly lag: number;
  readonly buffered_bytes: number;
  readonly blocked: boolean;
}

const SORTS: Readonly<Record<string, string>> = {
  mailbox: 'messages that wait',
  bytes: 'bytes that wait',
  age: 'age of the oldest message',
  lag: 'lag behind the log',
  connected: 'time since it was opened',
};

function columnsFor(desk: Desk): Column<Row>[] {
  return [
    { title: 'Connection', text: ({ id }) => id, href: ({ id }) => desk.href('connections', id), width: 16 },
    { title: 'User', text: ({ user, tenant }) => (tenant === '' ? user : `${tenant}/${user}`), width: 11 },
    { title: 'Address', text: ({ address }) => address, width: 10 },
    { title: 'Over', text: ({ transport, format }) => `${transport} ${format}`, width: 9 },
    { title: 'Open for', text: ({ connected_secs: secs }) => duration(secs), isNumber: true, width: 7 },
    { title: 'Topics', text: (row) => count(row.subscriptions), isNumber: true, width: 4.5 },
    { title: 'Mailbox', text: (row) => count(row.mailbox_messages), isNumber: true, width: 5 },
    { title: 'Bytes', text: (row) => bytes(row.mailbox_bytes + row.buffered_bytes), isNumber: true, width: 6 },
    { title: 'Oldest', text: ({ oldest_age_ms: age }) => millis(age), isNumber: true, width: 6 },
    {
      title: 'Lag',
      text: ({ lag }) => count(lag),
      isNumber: true,
      width: 5,
      mark: ({ lag }) => (lag > 0 ? 'warn' : ''),
    },
    {
      title: 'State',
      text: ({ state, blocked }) => (blocked ? `${state}, no room` : state),
      mark: ({ blocked }) => (blocked ? 'warn' : ''),
      width: 8,
    },
  ];
}

export function connectionsView(desk: Desk): View {
  const sum = h('p', { class: 'sum', role: 'status' });
  const search = h('input', { type: 'search', value: desk.filter('search'), spellcheck: 'false', autocomplete: 'off' });
  const options = Object.entries(SORTS).map(([name, text]) => h('option', { value: name }, text));
  const sort = h('select', {}, ...options);
  sort.value = desk.filter('sort') || 'mailbox';
  const pages = pagesOf<Row>(desk, '/admin/connections', 'connections', () => ({
    search: search.value.trim(),
    sort: sort.value,
  }));
  const table = new VirtualTable<Row>({
    caption: 'Open connections',
    columns: columnsFor(desk),
    load: async (offset, limit) => {
      const page = await pages.load(offset, limit);
      showTotal(sum, page.all, 'connections', pages.hint());
      return page;
    },
    failed: (error) => desk.fail(error),
  });
  const poll = desk.poll(2_000, () => table.refresh());
  let waiting: ReturnType<typeof setTimeout> | undefined;
  const changed = (): void => {
    desk.keep('search', search.value.trim());
    desk.keep('sort', sort.value === 'mailbox' ? '' : sort.value);
    clearTimeout(waiting);
    waiting = setTimeout(() => void desk.attempt(() => table.restart()), 200);
  };
  search.addEventListener('input', changed);
  sort.addEventListener('change', changed);
  const form = h(
    'form',
    {
      class: 'row',
      role: 'search',
      submit: (event) => {
        event.preventDefault();
        poll();
      },
    },
    h('label', {}, 'User, id or address', search),
    h('label', {}, 'Sorted by', sort),
  );
  setText(sum, '…');
  return { title: 'Connections', element: h('div', { class: 'tall' }, form, sum, table.element) };
}
