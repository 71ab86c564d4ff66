/** The command line of the suite. */
import { parseArgs } from 'node:util';
import { FAULT_NAMES, type FaultName } from './schedule.ts';

export interface ChaosOptions {
  /** How long faults are begun. */
  readonly seconds: number;
  readonly seed: number;
  readonly faults: readonly FaultName[];
  readonly nodes: number;
  readonly publishers: number;
  readonly subscribers: number;
  readonly topics: number;
  /** Publications per second of all publishers together. */
  readonly rate: number;
  /** The longest that topics may stand still after a fault. */
  readonly recoveryMs: number;
  /** Whether to print what the nodes log. */
  readonly logs: boolean;
  /** What starts a node; null: the launcher of this checkout. */
  readonly launcher: string | null;
}

/** @throws Error that says which option is wrong */
export function readOptions(args: readonly string[]): ChaosOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '600' },
      seed: { type: 'string', default: String(1 + (Date.now() % 1_000_000)) },
      faults: { type: 'string', default: FAULT_NAMES.join(',') },
      publishers: { type: 'string', default: '4' },
      subscribers: { type: 'string', default: '8' },
      topics: { type: 'string', default: '6' },
      rate: { type: 'string', default: '100' },
      'recovery-ms': { type: 'string', default: '10000' },
      logs: { type: 'boolean', default: false },
      launcher: { type: 'string' },
    },
  });
  return {
    seconds: positive('seconds', values.seconds),
    seed: positive('seed', values.seed),
    faults: values.faults.split(',').map(faultOf),
    nodes: 3,
    publishers: positive('publishers', values.publishers),
    subscribers: positive('subscribers', values.subscribers),
    topics: positive('topics', values.topics),
    rate: positive('rate', values.rate),
    recoveryMs: positive('recovery-ms', values['recovery-ms']),
    logs: values.logs,
    launcher: values.launcher ?? null,
  };
}

/** What makes the same schedule again. */
export function replayOf({ seconds, seed, faults }: ChaosOptions): string {
  const chosen = faults.length === FAULT_NAMES.length ? '' : ` --faults ${faults.join(',')}`;
  return `make chaos CHAOS="--seconds ${seconds} --seed ${seed}${chosen}"`;
}

function positive(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new Error(`--${name}: expected a whole number above 0, got ${JSON.stringify(text)}`);
}

function faultOf(text: string): FaultName {
  const name = FAULT_NAMES.find((name) => name === text);
  if (name === undefined) throw new Error(`--faults: expected some of ${FAULT_NAMES.join(', ')}, got ${text}`);
  return name;
}
