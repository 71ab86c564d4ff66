/** The findings of the doctor that a node has of itself and of its service. */
import { ApiProblem } from '../api.ts';
import type { Desk, View } from '../desk.ts';
import { h, setText } from '../dom.ts';
import { Table } from '../table.ts';

interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'warn' | 'fail';
  readonly says: string;
  readonly cure: string | null;
}

interface Report {
  readonly node: string;
  readonly findings: readonly Finding[];
  readonly summary: { readonly ok: number; readonly warn: number; readonly fail: number };
}

const ORDER = ['fail', 'warn', 'ok'];
const MARKS = { ok: 'ok', warn: 'warn', fail: 'bad' };
/** It asks the whole service, which takes seconds: the operator says when. */
const NEVER_MS = 2 ** 31 - 1;

export function doctorView(desk: Desk): View {
  const sum = h('p', { class: 'sum', role: 'status' }, 'Looking…');
  const table = new Table<Finding>({
    caption: 'Findings',
    keyOf: ({ check, says }) => `${check} ${says}`,
    none: 'There is no finding.',
    columns: [
      { title: 'Check', text: ({ check }) => check },
      { title: 'Level', text: ({ level }) => level, mark: ({ level }) => MARKS[level] },
      { title: 'Says', text: ({ says }) => says },
      { title: 'Cure', text: ({ cure }) => cure ?? '' },
    ],
  });
  const look = desk.poll(NEVER_MS, async (signal) => {
    setText(sum, 'Looking…');
    const query = desk.node === '*' ? {} : { node: desk.node };
    const report = await desk.api.get<Report>('/admin/doctor', query, signal).catch(unlessMissing);
    if (report === null) {
      setText(sum, 'The doctor is not available on this server.');
      return;
    }
    table.show(report.findings.toSorted((a, b) => ORDER.indexOf(a.level) - ORDER.indexOf(b.level)));
    const { ok, warn, fail } = report.summary;
    setText(sum, `Node ${report.node}: ${fail} fail, ${warn} warn, ${ok} ok`);
  });
  const again = h('button', { type: 'button', click: look }, 'Look again');
  return { title: 'Doctor', element: h('div', {}, sum, again, table.element) };
}

function unlessMissing(error: unknown): null {
  // A node that is not there is another matter.
  if (error instanceof ApiProblem && error.status === 404 && error.message.startsWith('expected a path')) return null;
  throw error;
}
