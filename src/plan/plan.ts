/** The plan: every row reckoned from a target, figures and assumptions, in the order in which they stand. */
import { ASSUMPTIONS, type AssumptionName } from './assumptions.ts';
import { evaluate, parseExpression } from './expression.ts';
import { FIGURES, type FigureName } from './figures.ts';
import type { Figures } from './profile.ts';
import type { Limit, Part, Row } from './row.ts';
import { LOSS, STORM, UPDATE } from './rows/failure.ts';
import { KERNEL } from './rows/kernel.ts';
import { LIMITS } from './rows/limits.ts';
import { LOAD } from './rows/load.ts';
import { MEMORY } from './rows/memory.ts';
import { NETWORK } from './rows/network.ts';
import { NODES } from './rows/nodes.ts';
import { PROXY } from './rows/proxy.ts';
import { REDIS } from './rows/redis.ts';
import { TARGET, TargetError, type Target, type TargetName } from './target.ts';
import type { Unit } from './units.ts';

export const PARTS: readonly Part[] = [LOAD, NODES, MEMORY, REDIS, NETWORK, LOSS, STORM, UPDATE, KERNEL, PROXY];
const ROWS: readonly Row[] = PARTS.flatMap(({ rows }) => rows);
export { LIMITS };

/** 1 or 0: whether something is part of the plan. */
const SWITCHES = ['with_redis', 'with_batching'] as const;

export interface Quantity extends Row {
  readonly value: number;
  /** Whether it was given instead of reckoned. */
  readonly isGiven: boolean;
}

export interface ReachedLimit extends Limit {
  readonly value: number;
  /** How often the present number goes into it. */
  readonly times: number;
}

export interface Plan {
  readonly target: Target;
  readonly parts: readonly { readonly title: string; readonly quantities: readonly Quantity[] }[];
  /** The first that breaks comes first. */
  readonly limits: readonly ReachedLimit[];
  /** Of every name that a formula may have. */
  valueOf(name: string): number;
}

/** By names: instead of an assumption, or of a quantity that is reckoned otherwise. */
export type Given = Readonly<Record<string, number>>;

/** @throws TargetError when something was given that has no such name, or that contradicts the rest */
export function planOf(target: Target, figures: Figures, given: Given = {}): Plan {
  const values = new Map<string, number>(Object.entries(figures));
  for (const [name, { value }] of Object.entries(ASSUMPTIONS)) values.set(name, value);
  for (const name of Object.keys(TARGET)) values.set(name, target[name as TargetName]);
  values.set('with_redis', Number(target.broker === 'redis'));
  values.set('with_batching', Number(target.isBatching));
  for (const [name, value] of Object.entries(given)) values.set(name, expectGiven(name, value));
  const valueOf = (name: string): number => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`expected a formula with known names, got ${name}`);
    return value;
  };
  const parts = PARTS.map(({ title, rows }) => ({
    title,
    quantities: rows.map((row) => {
      const isGiven = Object.hasOwn(given, row.name);
      const value = isGiven ? valueOf(row.name) : evaluate(parseExpression(row.formula), valueOf);
      values.set(row.name, value);
      if (row.name === 'nodes') expectNodes(target, value);
      return { ...row, value, isGiven };
    }),
  }));
  const limits = LIMITS.map((limit) => {
    const value = evaluate(parseExpression(limit.formula), valueOf);
    return { ...limit, value, times: value / target[limit.grows] };
  })
    // Of what is not there nothing breaks.
    .filter(({ times }) => Number.isFinite(times))
    .sort((one, other) => one.times - other.times);
  return { target, parts, limits, valueOf };
}

/** The unit of every name that a formula may have; undefined when there is none. */
export function unitOf(name: string): Unit | undefined {
  if ((SWITCHES as readonly string[]).includes(name)) return 'count';
  if (Object.hasOwn(FIGURES, name)) return FIGURES[name as FigureName].unit;
  if (Object.hasOwn(ASSUMPTIONS, name)) return ASSUMPTIONS[name as AssumptionName].unit;
  if (Object.hasOwn(TARGET, name)) return TARGET[name as TargetName].unit;
  return ROWS.find((row) => row.name === name)?.unit;
}

function expectGiven(name: string, value: number): number {
  if (!Object.hasOwn(ASSUMPTIONS, name) && !ROWS.some((row) => row.name === name))
    throw new TargetError(
      `expected --set with the name of an assumption or a quantity, got ${JSON.stringify(name)}: --json lists them all`,
    );
  if (!Number.isFinite(value) || value < 0)
    throw new TargetError(`expected --set ${name} as a number from 0, got ${value}: no quantity is below nothing`);
  return value;
}

function expectNodes({ broker, nodes_lost }: Target, nodes: number): void {
  if (!Number.isFinite(nodes))
    throw new TargetError(
      'expected a cpu_share above what a node uses at rest, got less: no number of nodes could do the work',
    );
  if (broker === 'memory' && nodes > 1)
    throw new TargetError(
      `expected a target that one node can serve with the broker in memory, got one that needs ${nodes} nodes: nodes share topics only by Redis (--broker redis)`,
    );
  if (nodes_lost >= nodes)
    throw new TargetError(
      `expected nodes_lost below the number of nodes, got ${nodes_lost} of ${nodes}: somebody must be left to serve`,
    );
}
