/** What is in force, until when, and the changes that operators make in an emergency. */
import { changeForm } from '../change-form.ts';
import type { Desk, View } from '../desk.ts';
import { h } from '../dom.ts';
import { Table } from '../table.ts';
import { changesOf } from './emergency-changes.ts';
import { rowsOf, type InForce, type InForceRow } from './in-force-rows.ts';

export function emergencyView(desk: Desk): View {
  let answered: { readonly nodes: readonly InForce[]; readonly at: number } | null = null;
  const table = new Table<InForceRow>({
    caption: 'In force now',
    keyOf: ({ node, what }) => `${node} ${what}`,
    none: 'Nothing is known yet.',
    columns: [
      { title: 'What', text: ({ what }) => what },
      { title: 'Node', text: ({ node }) => node },
      { title: 'Is', text: ({ is }) => is, mark: ({ isChanged }) => (isChanged ? 'warn' : 'ok') },
      { title: 'Ends in', text: ({ left }) => left, isNumber: true },
    ],
  });
  const draw = (): void => {
    if (answered !== null) table.show(rowsOf(answered.nodes, performance.now() - answered.at));
  };
  const poll = desk.poll(2_000, async (signal) => {
    const query = desk.node === '*' ? {} : { node: desk.node };
    const answer = await desk.api.get<{ nodes?: readonly InForce[] } & InForce>(
      '/admin/emergency-status',
      query,
      signal,
    );
    answered = { nodes: answer.nodes ?? [answer], at: performance.now() };
    draw();
  });
  // The time that is left goes down between two answers too.
  const ticking = setInterval(draw, 1_000);
  desk.closed.addEventListener('abort', () => clearInterval(ticking));
  const where = desk.node === '*' ? 'all nodes' : `node ${desk.node}`;
  const hint = `A change is for ${where}. It is tried first: that changes nothing and says what it would touch.`;
  const forms = changesOf().map((change) => changeForm(desk, { ...change, done: poll }).element);
  return { title: 'Emergency', element: h('div', {}, table.element, h('p', { class: 'hint' }, hint), ...forms) };
}
