/** What operators have ordered that stays until somebody takes it back. */
import type { Check } from '../../check.ts';
import { ok, warn } from '../../finding.ts';

interface Rate {
  readonly per_second: number;
  readonly configured: number;
  readonly until: string | null;
}
interface Orders {
  readonly node: string;
  readonly rates?: Readonly<Record<string, Rate>>;
  readonly log_level?: { readonly level: string; readonly until: string | null };
  readonly traced?: readonly { readonly pattern: string; readonly until: string | null }[];
}

export const nodesOrders: Check = {
  name: 'nodes.orders',
  looksAt:
    'Standing orders of operators: rates that differ from the configured ones, traced topics, most talkative logs.',
  needs: ['admin'],
  run: async ({ views }) => {
    const body = (await views?.get('/admin/emergency-status?node=*'))?.body;
    const nodes = (body?.['nodes'] ?? []) as readonly Orders[];
    if (nodes.length === 0) return [];
    const orders = [...new Set(nodes.flatMap(ordersOf))];
    if (orders.length === 0) return [ok('no orders of operators stand')];
    return orders.map((order) => warn(order, './signalbox emergency status shows all; take back what is over'));
  },
};

function ordersOf({ rates = {}, log_level: logs, traced = [] }: Orders): readonly string[] {
  const ends = (until: string | null): string => (until === null ? 'until somebody takes it back' : `until ${until}`);
  return [
    ...Object.entries(rates)
      .filter(([, { per_second: now, configured }]) => now !== configured)
      .map(
        ([name, { per_second: now, configured, until }]) =>
          `${name} is ${now} in place of ${configured}, ${ends(until)}`,
      ),
    ...(/\b(?:trace|debug)\b/.test(logs?.level ?? '')
      ? [`logs are written at ${logs?.level ?? ''}, ${ends(logs?.until ?? null)}: they cost CPU`]
      : []),
    ...traced.map(({ pattern, until }) => `${pattern} is traced, ${ends(until)}`),
  ];
}
