/** `GET /admin/emergency-status` as rows of a table. */
import { duration } from '../text.ts';

interface Until {
  readonly until: string | null;
}

export interface InForce {
  readonly node: string;
  readonly problem?: string | null;
  readonly now?: string;
  readonly mode?: Until & { readonly is: string };
  readonly admission?: Until & { readonly admits: boolean };
  readonly rates?: Readonly<Record<string, Until & { readonly per_second: number; readonly configured: number }>>;
  readonly log_level?: Until & { readonly level: string };
  readonly revocations?: { readonly total: number };
  readonly traced?: readonly (Until & { readonly pattern: string })[];
}

export interface InForceRow {
  readonly node: string;
  readonly what: string;
  readonly is: string;
  readonly isChanged: boolean;
  /** Time until it ends by itself, by the clock of the node. */
  readonly left: string;
}

/** @param sinceMs how long ago the nodes answered */
export function rowsOf(nodes: readonly InForce[], sinceMs: number): InForceRow[] {
  const byWhat = Map.groupBy(
    nodes.flatMap((node) => rowsOfNode(node, sinceMs)),
    ({ what }) => what,
  );
  return [...byWhat.values()].flat();
}

function rowsOfNode({ node, problem = null, now, ...told }: InForce, sinceMs: number): InForceRow[] {
  if (problem !== null) return [{ node, what: 'answer', is: problem, isChanged: true, left: '' }];
  const clock = Date.parse(now ?? '') + sinceMs;
  const row = (what: string, is: string, isChanged: boolean, until: string | null): InForceRow => ({
    node,
    what,
    is,
    isChanged,
    left: until === null ? '' : duration((Date.parse(until) - clock) / 1_000),
  });
  const { mode, admission, rates = {}, log_level: level, revocations, traced = [] } = told;
  return [
    row('mode', mode?.is ?? '-', mode?.is !== 'running', mode?.until ?? null),
    row(
      'new connections',
      admission?.admits === true ? 'taken' : 'refused',
      admission?.admits !== true,
      admission?.until ?? null,
    ),
    ...Object.entries(rates).map(([name, { per_second: is, configured, until }]) =>
      row(name, is === configured ? String(is) : `${is}, configured ${configured}`, is !== configured, until),
    ),
    row('log level', level?.level ?? '-', level?.until !== null && level?.until !== undefined, level?.until ?? null),
    row('revocations', String(revocations?.total ?? 0), (revocations?.total ?? 0) > 0, null),
    ...traced.map(({ pattern, until }) => row(`traced ${pattern}`, 'on', true, until)),
  ];
}
