/** The flags of `signalbox plan`, and the target that they make. */
import { readFileSync } from 'node:fs';
import { parse as parseToml } from 'smol-toml';
import {
  TARGET,
  TARGET_NAMES,
  TargetError,
  targetOf,
  type Broker,
  type Target,
  type TargetName,
} from '../plan/target.ts';
import type { Given } from '../plan/plan.ts';
import { UsageError, type Arguments, type Option } from './command.ts';

/** The number of a target that a flag sets. */
const FLAGS = {
  connections: 'connections',
  topics: 'topics',
  'publish-rate': 'publish_rate',
  'fan-out': 'fan_out',
  payload: 'payload',
  'nodes-lost': 'nodes_lost',
} as const satisfies Readonly<Record<string, TargetName>>;

const flagOption = (flag: keyof typeof FLAGS, value: string): Option => {
  const { says, fallback } = TARGET[FLAGS[flag]];
  return { type: 'string', value, help: `${says} (default: ${fallback.toLocaleString('en')})` };
};

export const PLAN_OPTIONS: Readonly<Record<string, Option>> = {
  profile: {
    type: 'string',
    short: 'p',
    value: 'FILE',
    help: 'figures that load --calibrate has written (default: those of another machine, with a warning)',
  },
  target: {
    type: 'string',
    short: 't',
    value: 'FILE',
    help: 'the numbers of the target as TOML or JSON; flags come before it',
  },
  connections: { ...flagOption('connections', 'N'), short: 'c' },
  topics: flagOption('topics', 'N'),
  'publish-rate': { ...flagOption('publish-rate', 'N[/s]'), short: 'r' },
  'fan-out': flagOption('fan-out', 'N'),
  payload: flagOption('payload', 'BYTES'),
  retention: {
    type: 'string',
    value: 'N|TIME',
    help: 'messages kept of a topic, or how long they are kept: 100, 30m, 24h (default: 1,000 and 1h)',
  },
  'nodes-lost': flagOption('nodes-lost', 'N'),
  broker: { type: 'string', value: 'NAME', help: 'redis (default), or memory for one node without it' },
  batching: { type: 'boolean', help: 'clients negotiate batching' },
  set: {
    type: 'string',
    multiple: true,
    value: 'NAME=NUMBER',
    help: 'an assumption or a quantity that is given instead of reckoned, such as nodes=4; may be repeated',
  },
  short: { type: 'boolean', help: 'without formulas' },
  json: { type: 'boolean', help: 'as JSON' },
};

type Numbers = Partial<Record<TargetName, number>>;

/** @throws UsageError, TargetError */
export function readTarget(args: Arguments): Target {
  const file = args.text('target');
  const inFile = file === undefined ? EMPTY : readTargetFile(file);
  const numbers: Numbers = { ...inFile.numbers, ...retentionOf(args.text('retention')) };
  for (const [flag, name] of Object.entries(FLAGS)) {
    const text = args.text(flag);
    if (text !== undefined)
      numbers[name] = number(`--${flag}`, name === 'publish_rate' ? text.replace(/\/s$/, '') : text);
  }
  return targetOf(numbers, brokerOf(args.text('broker') ?? inFile.broker), args.flag('batching') || inFile.isBatching);
}

/** @throws UsageError */
export function readGiven(args: Arguments): Given {
  return Object.fromEntries(
    args.list('set').map((text) => {
      const [, name, value] = /^([a-z][a-z0-9_]*)=(.*)$/.exec(text) ?? [];
      if (name === undefined || value === undefined)
        throw new UsageError(`expected --set like nodes=4, got ${JSON.stringify(text)}`);
      return [name, number(`--set ${name}`, value)];
    }),
  );
}

interface TargetFile {
  readonly numbers: Numbers;
  readonly broker: unknown;
  readonly isBatching: boolean;
}

const EMPTY: TargetFile = { numbers: {}, broker: undefined, isBatching: false };

function readTargetFile(file: string): TargetFile {
  const { broker, batching = false, ...rest } = parsedFile(file);
  if (typeof batching !== 'boolean')
    throw new TargetError(`expected batching in ${file} as true or false, got ${JSON.stringify(batching)}`);
  const numbers: Numbers = {};
  for (const [name, value] of Object.entries(rest)) {
    const known = TARGET_NAMES.find((each) => each === name);
    if (known === undefined)
      throw new TargetError(
        `expected ${[...TARGET_NAMES, 'broker', 'batching'].join(', ')} in ${file}, got ${JSON.stringify(name)}`,
      );
    // TOML may have large integers, which no target needs.
    if (typeof value !== 'number')
      throw new TargetError(`expected ${name} in ${file} as a number, got ${JSON.stringify(value)}`);
    numbers[known] = value;
  }
  return { numbers, broker, isBatching: batching };
}

function parsedFile(file: string): Record<string, unknown> {
  try {
    const text = readFileSync(file, 'utf8');
    const value: unknown = file.endsWith('.json') ? JSON.parse(text) : parseToml(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
    throw new Error(`got ${JSON.stringify(value)}`);
  } catch (error) {
    throw new TargetError(
      `expected a file of numbers as TOML or JSON, ${file}: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

function brokerOf(text: unknown): Broker {
  if (text === undefined || text === 'redis') return 'redis';
  if (text === 'memory') return 'memory';
  throw new TargetError(`expected the broker redis or memory, got ${JSON.stringify(text)}`);
}

function retentionOf(text: string | undefined): Numbers {
  if (text === undefined) return {};
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(s|m|h|d)?$/.exec(text) ?? [];
  if (amount === undefined)
    throw new TargetError(
      `expected --retention as messages or a time, such as 100, 30m or 24h, got ${JSON.stringify(text)}: it says how much a log keeps`,
    );
  if (unit === undefined) return { retention_messages: Number(amount) };
  return { retention_secs: Number(amount) * { s: 1, m: 60, h: 3_600, d: 86_400 }[unit as 's' | 'm' | 'h' | 'd'] };
}

/** Digits as people write them; what is no number stays none, and is refused by name. */
function number(flag: string, text: string): number {
  const value = /^-?\d[\d,_]*(\.\d+)?$/.test(text) ? Number(text.replaceAll(/[,_]/g, '')) : NaN;
  if (Number.isNaN(value)) throw new TargetError(`expected ${flag} as a number, got ${JSON.stringify(text)}`);
  return value;
}
