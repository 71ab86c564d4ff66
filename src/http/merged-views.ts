/** The answers of all nodes as one, for the views that have such a form. Each row says which node it comes from. */
import { FACTS } from './admin-facts.ts';
import type { NodeAnswer } from './all-nodes.ts';
import { APP_DEAD_LETTERS } from './app-dead-letters.ts';
import { FIGURES_PATH } from './figures.ts';
import { MAX_PAGE } from './page-size.ts';
import { mergedTrace } from './merged-trace.ts';
import { SECRETS } from './secrets-view.ts';

type Row = Readonly<Record<string, unknown>>;

export interface View {
  /** Whether all nodes are asked when no `?node=` says otherwise. */
  readonly byDefault: boolean;
  /** Lists in pages: each node is asked for its first rows, as many as the page of all of them can need. */
  readonly isPaged: boolean;
  readonly merge: (answers: readonly NodeAnswer[], query: URLSearchParams) => Row;
}

export const MERGED: Readonly<Record<string, View>> = {
  '/admin/connections': { byDefault: false, isPaged: true, merge: list('connections', connectionsBy) },
  '/admin/topics': { byDefault: false, isPaged: true, merge: list('topics', () => numberOf('subscribers')) },
  '/admin/presence': { byDefault: false, isPaged: true, merge: list('topics', () => numberOf('present')) },
  '/admin/trace/:id': {
    byDefault: true,
    isPaged: false,
    merge: (answers, query) => ({ ...mergedTrace(answers, query.get('user')), nodes: answers.map(summary) }),
  },
  [FIGURES_PATH]: { byDefault: false, isPaged: false, merge: each },
  '/admin/trace': { byDefault: false, isPaged: false, merge: each },
  [APP_DEAD_LETTERS]: { byDefault: false, isPaged: false, merge: each },
  [FACTS]: { byDefault: false, isPaged: false, merge: each },
  '/admin/dead-letters': { byDefault: false, isPaged: false, merge: each },
  '/admin/emergency-status': { byDefault: true, isPaged: false, merge: each },
  [SECRETS]: { byDefault: false, isPaged: false, merge: each },
};

/** The query for every node of a page over all of them, or `null` when it reaches further than one answer may. */
export function pageOfEach(query: URLSearchParams): URLSearchParams | null {
  const wanted = numberIn(query, 'offset', 0) + numberIn(query, 'limit', 100);
  if (wanted > MAX_PAGE) return null;
  const first = new URLSearchParams(query);
  first.set('offset', '0');
  first.set('limit', String(wanted));
  return first;
}

/** A node's own page, in the form that those of all have. */
export function ofOneNode(body: unknown): Row {
  const { node, total, ...rest } = body as Row;
  return { node, nodes: [{ node, total, problem: null }], total, ...rest };
}

function list(name: string, measureOf: (query: URLSearchParams) => (row: Row) => number): View['merge'] {
  return (answers, query) => {
    const measure = measureOf(query);
    const [offset, limit] = [numberIn(query, 'offset', 0), numberIn(query, 'limit', 100)];
    const rows = answers.flatMap(({ node, body }) =>
      ((body?.[name] ?? []) as readonly Row[]).map((row): Row => ({ node, ...row })),
    );
    const total = answers.reduce((sum, { body }) => sum + Number(body?.['total'] ?? 0), 0);
    return {
      node: '*',
      nodes: answers.map(summary),
      total,
      ...(query.has('sort') && { sort: query.get('sort') }),
      offset,
      next_offset: offset + limit < total ? offset + limit : null,
      [name]: rows.sort((a, b) => measure(b) - measure(a)).slice(offset, offset + limit),
    };
  };
}

function connectionsBy(query: URLSearchParams): (row: Row) => number {
  const sort = query.get('sort') ?? 'mailbox';
  if (sort === 'bytes') return (row) => numberOf('mailbox_bytes')(row) + numberOf('buffered_bytes')(row);
  const fields: Readonly<Record<string, string>> = { age: 'oldest_age_ms', lag: 'lag', connected: 'connected_secs' };
  return numberOf(fields[sort] ?? 'mailbox_messages');
}

function numberOf(field: string): (row: Row) => number {
  return (row) => Number(row[field] ?? 0);
}

/** Every node's own answer beside the others. */
function each(answers: readonly NodeAnswer[]): Row {
  return { node: '*', nodes: answers.map(({ node, body, problem }) => ({ node, ...body, problem })) };
}

function summary({ node, body, problem }: NodeAnswer): Row {
  const total = body?.['total'];
  return { node, ...(total !== undefined && { total }), problem };
}

function numberIn(query: URLSearchParams, name: string, otherwise: number): number {
  return Number(query.get(name) ?? otherwise);
}
