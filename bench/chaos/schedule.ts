/** What is to happen when: the same for the same seed, length and choice of faults. */
import type { SeededRandom } from '../../src/simulation/seeded-random.ts';

interface FaultKind {
  /** Milliseconds that it lasts, from and to. */
  readonly lasts: readonly [number, number];
  /** Whether Redis may forget what it acknowledged. */
  readonly mayLose: boolean;
  readonly needsNamespaces: boolean;
}

const redis = (low: number, high: number, mayLose: boolean): FaultKind => ({
  lasts: [low, high],
  mayLose,
  needsNamespaces: false,
});
const node = (low: number, high: number): FaultKind => ({ lasts: [low, high], mayLose: false, needsNamespaces: false });
const link = (low: number, high: number): FaultKind => ({ lasts: [low, high], mayLose: false, needsNamespaces: true });

export const FAULTS = {
  /** SIGKILL; started again after a while. */
  'node-kill': node(500, 3_000),
  /** SIGSTOP, SIGCONT. */
  'node-pause': node(500, 6_000),
  /** Its clock steps, ahead or back, and later to where it was. */
  'node-clock': node(1_000, 5_000),
  /** SIGTERM to one after the other, each started again when it has ended. */
  'node-roll': node(0, 0),
  /** SIGKILL of the primary, started again with its data before Sentinel minds. */
  'redis-restart': redis(50, 400, false),
  /** SIGSTOP of the primary, for less than Sentinel minds. */
  'redis-pause': redis(200, 800, false),
  /** SIGSTOP of the primary until long after its replica was promoted: for a while there are two. */
  'redis-two-primaries': redis(3_000, 6_000, true),
  /** SIGKILL of the primary: its replica is promoted, and it comes back as the replica. */
  'redis-failover': redis(2_500, 4_000, true),
  /** The same, while the replica had already lost touch: acknowledged messages are gone. */
  'redis-lost-tail': redis(2_500, 4_000, true),
  /** An operator tells Sentinel to change the primary. */
  'redis-switch': redis(500, 1_500, true),
  /** SIGKILL of the primary, started again at once, and empty. */
  'redis-empty': redis(50, 300, true),
  /** Nothing more can be stored, and nothing is thrown away. */
  'redis-full': redis(500, 4_000, false),
  /** An operator sets a policy under which logs may be thrown away; memory does not run short. */
  'redis-policy': redis(500, 4_000, false),
  /** The replica goes and comes back: nobody should notice. */
  'replica-restart': redis(500, 2_000, false),
  /** Nothing passes between a node and Redis; no connection is closed. */
  'link-redis-cut': link(1_000, 6_000),
  /** Nothing passes between a node and its clients and the proxy. */
  'link-clients-cut': link(1_000, 6_000),
  /** A node's link to Redis carries a few kilobytes a second, late. */
  'link-redis-slow': link(2_000, 5_000),
  /** The same between a node and its clients. */
  'link-clients-slow': link(2_000, 5_000),
} as const satisfies Record<string, FaultKind>;

export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];

/** One fault, and what it is done to. */
export interface FaultCase {
  readonly name: FaultName;
  readonly lasts: number;
  /** Which node, where that matters. */
  readonly node: number;
}

export interface PlannedFault extends FaultCase {
  /** Milliseconds after the beginning; later when the fault before it has not been put right. */
  readonly at: number;
  /** What happens to a node at the same time. */
  readonly beside: FaultCase | null;
}

export interface SchedulePlan {
  readonly ms: number;
  readonly nodes: number;
  readonly faults: readonly FaultName[];
}

/** How often a node is in trouble while Redis is. */
const BESIDE = 0.35;
const CALM_BEFORE_MS = 1_500;
const CALM_BETWEEN_MS: readonly [number, number] = [1_500, 3_500];

/** Every kind comes once before any comes again. */
export function planFaults(random: SeededRandom, { ms, nodes, faults }: SchedulePlan): PlannedFault[] {
  const planned: PlannedFault[] = [];
  let left: FaultName[] = [];
  let at = CALM_BEFORE_MS;
  for (;;) {
    if (left.length === 0) left = [...faults];
    const [name] = left.splice(random.between(0, left.length - 1), 1);
    if (name === undefined) return planned;
    const fault = caseOf(random, name, nodes);
    const others = faults.filter((other) => other.startsWith('link-') || other === 'node-pause');
    const isDouble = name.startsWith('redis-') && others.length > 0 && random.chance(BESIDE);
    const beside = isDouble ? caseOf(random, random.pick(others), nodes) : null;
    const lasts = Math.max(fault.lasts, beside?.lasts ?? 0);
    if (at + lasts > ms) return planned;
    planned.push({ ...fault, at, beside });
    at += lasts + random.between(...CALM_BETWEEN_MS);
  }
}

function caseOf(random: SeededRandom, name: FaultName, nodes: number): FaultCase {
  const [low, high] = FAULTS[name].lasts;
  return { name, lasts: random.between(low, high), node: random.between(0, nodes - 1) };
}

/** As it is told: what happens to whom and for how long. */
export function tell({ name, lasts, node }: FaultCase): string {
  const whom = name.startsWith('node-') || name.startsWith('link-') ? ` of node ${node}` : '';
  return name === 'node-roll' ? name : `${name}${whom} for ${lasts} ms`;
}
