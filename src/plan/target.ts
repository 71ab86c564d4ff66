/** What is to be served: every number with its bounds and the reason for them. Nonsense is named, with what was expected and why. */
import { KEYS_BY_PATH } from '../config/keys.ts';
import type { Unit } from './units.ts';

interface TargetNumber {
  readonly unit: Unit;
  readonly says: string;
  readonly fallback: number;
  readonly least: number;
  readonly most: number;
  readonly isWhole?: true;
  /** Why not beyond the bounds. */
  readonly why: string;
}

const BILLION = 1_000_000_000;

export const TARGET = {
  connections: {
    unit: 'count',
    says: 'clients that are connected at the same time',
    fallback: 10_000,
    least: 1,
    most: 100_000_000,
    isWhole: true,
    why: 'a client is whole, and figures of one machine say nothing about more',
  },
  topics: {
    unit: 'count',
    says: 'topics that are in use',
    fallback: 1_000,
    least: 1,
    most: BILLION,
    isWhole: true,
    why: 'whatever is published is published to a topic',
  },
  publish_rate: {
    unit: '1/s',
    says: 'publications a second, of all publishers together',
    fallback: 100,
    least: 0,
    most: BILLION,
    why: 'a rate has no sign',
  },
  fan_out: {
    unit: 'count',
    says: 'subscribers whom a publication reaches, on average',
    fallback: 10,
    least: 0,
    most: 100_000_000,
    why: 'nobody is reached less than not at all',
  },
  payload: {
    unit: 'bytes',
    says: 'size of a payload as JSON, on average',
    fallback: 200,
    least: 0,
    most: 16_777_216,
    why: 'websocket.max_message_size takes no more',
  },
  retention_messages: {
    unit: 'count',
    says: 'messages kept of a topic (topics.history)',
    fallback: fallbackOf('topics.history'),
    least: 0,
    most: BILLION,
    isWhole: true,
    why: 'a log keeps whole messages',
  },
  retention_secs: {
    unit: 's',
    says: 'how long messages are kept (topics.age_secs)',
    fallback: fallbackOf('topics.age_secs'),
    least: 0,
    most: BILLION,
    why: 'a time has no sign',
  },
  nodes_lost: {
    unit: 'count',
    says: 'nodes that may be away while the others serve everybody',
    fallback: 1,
    least: 0,
    most: 1_000,
    isWhole: true,
    why: 'a node is away or not',
  },
} as const satisfies Readonly<Record<string, TargetNumber>>;

export type TargetName = keyof typeof TARGET;
export const TARGET_NAMES = Object.keys(TARGET) as readonly TargetName[];

export type Broker = 'redis' | 'memory';

export type Target = Readonly<Record<TargetName, number>> & {
  readonly broker: Broker;
  /** Whether clients negotiate batching. */
  readonly isBatching: boolean;
};

/** A target that cannot be meant: which number, what was expected, why. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
}

/**
 * @param given numbers by their names; what is missing is as in {@link TARGET}
 * @throws TargetError
 */
export function targetOf(
  given: Readonly<Partial<Record<TargetName, number>>>,
  broker: Broker = 'redis',
  isBatching = false,
): Target {
  const numbers = Object.fromEntries(
    TARGET_NAMES.map((name) => [name, checked(name, given[name] ?? TARGET[name].fallback)]),
  ) as Record<TargetName, number>;
  const target = { ...numbers, broker, isBatching };
  if (given.nodes_lost === undefined && broker === 'memory') target.nodes_lost = 0;
  if (given.fan_out === undefined) target.fan_out = Math.min(target.fan_out, target.connections);
  expectPossible(target);
  return target;
}

function checked(name: TargetName, value: number): number {
  const { least, most, why, unit, ...rest }: TargetNumber = TARGET[name];
  const isWhole = rest.isWhole === true;
  if (Number.isFinite(value) && value >= least && value <= most && (!isWhole || Number.isInteger(value))) return value;
  const kind = isWhole ? 'a whole number' : 'a number';
  const of = unit === 'count' ? '' : ` (${unit === '1/s' ? 'a second' : unit})`;
  throw new TargetError(
    `expected ${name} as ${kind}${of} from ${least.toLocaleString('en')} to ${most.toLocaleString('en')}, got ${value}: ${why}`,
  );
}

/** Numbers that are right each by itself and cannot be together. */
function expectPossible({ fan_out, connections, broker, nodes_lost, topics }: Target): void {
  if (fan_out > connections)
    throw new TargetError(
      `expected fan_out of at most ${connections.toLocaleString('en')} (connections), got ${fan_out}: a publication cannot reach more clients than there are`,
    );
  if (broker === 'memory' && nodes_lost > 0)
    throw new TargetError(
      `expected nodes_lost 0 with the broker in memory, got ${nodes_lost}: topics are in one node then, and no other one has them; take the broker redis`,
    );
  if (topics * fan_out > connections * MOST_SUBSCRIPTIONS)
    throw new TargetError(
      `expected topics × fan_out of at most ${(connections * MOST_SUBSCRIPTIONS).toLocaleString('en')} (connections × ${MOST_SUBSCRIPTIONS.toLocaleString('en')}), got ${(topics * fan_out).toLocaleString('en')}: websocket.max_subscriptions allows a connection no more`,
    );
}

/** Of a connection, by the bound of websocket.max_subscriptions. */
const MOST_SUBSCRIPTIONS = 10_000;

function fallbackOf(path: string): number {
  const fallback = KEYS_BY_PATH.get(path)?.fallback;
  if (typeof fallback !== 'number') throw new Error(`expected a number as default of ${path}`);
  return fallback;
}
