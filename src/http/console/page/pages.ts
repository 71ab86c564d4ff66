/** Pages of a list of the admin API, of one node or of all. */
import type { Desk } from './desk.ts';

/** Over all nodes a page reaches so far (docs/administration.md). */
const REACH = 1_000;

interface Answer {
  readonly node: string;
  readonly nodes?: readonly { readonly node: string; readonly problem: string | null }[];
  readonly total: number;
}

interface ListPage<R> {
  /** Rows that can be had. */
  readonly total: number;
  /** Rows that there are. */
  readonly all: number;
  readonly rows: readonly R[];
}

export interface Pages<R> {
  load(offset: number, limit: number): Promise<ListPage<R>>;
  /** What of the rows cannot be had, and of which nodes nothing is known. */
  hint(): string;
}

export function pagesOf<R>(
  desk: Desk,
  path: string,
  name: string,
  query: () => Readonly<Record<string, string>>,
): Pages<R> {
  // The only node there is answers pages however far they reach.
  let node = desk.node;
  let hint = '';
  const load = async (offset: number, limit: number): Promise<ListPage<R>> => {
    const given = Object.entries(query()).filter(([, value]) => value !== '');
    const wanted = node === '*' ? Math.max(1, Math.min(limit, REACH - offset)) : limit;
    const answer = await desk.api.get<Answer>(
      path,
      { ...Object.fromEntries(given), node, offset, limit: wanted },
      desk.closed,
    );
    const { total, nodes = [] } = answer;
    const silent = nodes.filter(({ problem }) => problem !== null);
    if (node === '*' && nodes.length === 1 && silent.length === 0) node = nodes[0]?.node ?? node;
    const reached = node === '*' ? Math.min(total, REACH) : total;
    hint = `${reached < total ? `; the first ${REACH.toLocaleString('en')} are here, choose a node for all of its own` : ''}${silent.map((row) => `; ${row.node} ${row.problem ?? ''}`).join('')}`;
    const rows = (answer as unknown as Readonly<Record<string, readonly R[]>>)[name] ?? [];
    return { total: reached, all: total, rows };
  };
  return { load, hint: () => hint };
}
