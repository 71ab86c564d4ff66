/** What costs most. */
import type { Check } from '../../check.ts';
import { percent } from '../../each-node.ts';
import { factsOf } from '../../facts.ts';
import { ok, warn, type Observation } from '../../finding.ts';
import type { NodeFacts } from '../../facts.ts';
import type { Patient } from '../../patient.ts';
import { costClients } from './clients.ts';

/** Below this nothing costs anything. */
const MANY = { deliveries: 10_000, spent: 10_000, connections: 100, topics: 10_000 };
/** One that has most of all stands out, where there are others. */
const MOST = 50;

type Costs = NonNullable<NodeFacts['costs']>;

interface Row {
  readonly name: string;
  readonly amount: number;
}

const costTopics: Check = {
  name: 'cost.topics',
  looksAt: 'The topics with the most deliveries since they were opened.',
  needs: ['admin'],
  run: (patient) =>
    ranked(patient, ({ topics }) => topics.map(({ topic, deliveries }) => ({ name: topic, amount: deliveries })), {
      what: 'deliveries',
      many: MANY.deliveries,
      cure: './signalbox topics lists them; conflate it (topics.rules), publish less often, or split it',
    }),
};

const costUsers: Check = {
  name: 'cost.users',
  looksAt: 'The users who spend most of what rates allow.',
  needs: ['admin'],
  run: (patient) =>
    ranked(patient, ({ users }) => users.map(({ user, spent }) => ({ name: user, amount: spent })), {
      what: 'tokens of rates',
      many: MANY.spent,
      cure: 'lower rate_limiting.user_rps, or ./signalbox emergency rate-limits --user N --ttl 15m',
    }),
};

const costAddresses: Check = {
  name: 'cost.addresses',
  looksAt: 'The addresses with the most connections: one for all of them is a proxy that is not trusted.',
  needs: ['admin'],
  run: (patient) =>
    ranked(
      patient,
      ({ addresses }) => addresses.map(({ address, connections }) => ({ name: address, amount: connections })),
      {
        what: 'connections',
        many: MANY.connections,
        cure: 'if it is a proxy, name it in server.trusted_proxies, so that the addresses of clients count',
      },
    ),
};

const costPatterns: Check = {
  name: 'cost.patterns',
  looksAt: 'Patterns that match very many topics for many connections.',
  needs: ['admin'],
  run: async (patient) => {
    const { nodes } = await factsOf(patient);
    const rows = nodes.flatMap(({ costs }) => costs?.patterns ?? []);
    const wide = rows.filter(({ connections, topics }) => connections * topics >= MANY.topics);
    const [most] = rows.toSorted((a, b) => b.connections * b.topics - a.connections * a.topics);
    if (most === undefined) return [];
    if (wide.length === 0)
      return [
        ok(`the widest pattern is ${most.pattern}: ${most.topics} topics, ${most.connections} connections of a node`),
      ];
    return wide.map(({ pattern, connections, topics }) =>
      warn(
        `${pattern} matches ${topics} topics for each of ${connections} connections of a node`,
        'let clients subscribe to what they show, or publish to one topic for all of it',
      ),
    );
  },
};

export const COST_CHECKS: readonly Check[] = [costTopics, costUsers, costAddresses, costPatterns, costClients];

interface Ranking {
  readonly what: string;
  readonly many: number;
  readonly cure: string;
}

async function ranked(
  patient: Patient,
  rowsOf: (costs: Costs) => readonly Row[],
  { what, many, cure }: Ranking,
): Promise<readonly Observation[]> {
  const { nodes } = await factsOf(patient);
  const sums = new Map<string, number>();
  for (const { costs } of nodes)
    for (const { name, amount } of costs === undefined ? [] : rowsOf(costs))
      sums.set(name, (sums.get(name) ?? 0) + amount);
  const rows = [...sums].toSorted(([, a], [, b]) => b - a);
  const [first] = rows;
  if (first === undefined || first[1] === 0) return [];
  const all = rows.reduce((sum, [, amount]) => sum + amount, 0);
  const shown = rows
    .slice(0, 3)
    .map(([name, amount]) => `${name} ${amount}`)
    .join(', ');
  const says = `most ${what}: ${shown}`;
  const share = percent(first[1], all);
  if (first[1] < many || share < MOST) return [ok(says)];
  return [warn(`${says}; ${first[0]} has ${share} % of the ten with the most`, cure)];
}
