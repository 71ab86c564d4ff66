/** The units of figures, targets and results: how each is written for people, and what dimension it has. */

export type Unit =
  | 'bytes'
  | 'bytes/s'
  | 'bits/s'
  | 'us'
  | 'us/s'
  | 'ms'
  | 's'
  | 'count'
  | '1/s'
  | 'cores'
  | 'share'
  | 'times';

/** Powers of bytes and of seconds: what may be added to what. Counts, shares and cores have neither. */
export const DIMENSIONS: Readonly<Record<Unit, readonly [bytes: number, seconds: number]>> = {
  bytes: [1, 0],
  'bytes/s': [1, -1],
  'bits/s': [1, -1],
  us: [0, 1],
  'us/s': [0, 0],
  ms: [0, 1],
  s: [0, 1],
  count: [0, 0],
  '1/s': [0, -1],
  cores: [0, 0],
  share: [0, 0],
  times: [0, 0],
};

const BINARY = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;
const DECIMAL = ['', 'k', 'M', 'G', 'T'] as const;

export function formatted(value: number, unit: Unit): string {
  if (!Number.isFinite(value)) return 'no bound';
  switch (unit) {
    case 'bytes':
      return scaled(value, 1_024, BINARY);
    case 'bytes/s':
      return `${scaled(value, 1_000, DECIMAL)}B/s`;
    case 'bits/s':
      return `${scaled(value, 1_000, DECIMAL)}bit/s`;
    case 'us':
      return `${figures(value)} µs`;
    case 'us/s':
      return `${figures(value)} µs a second`;
    case 'ms':
      return `${figures(value)} ms`;
    case 's':
      return value >= 120 ? `${figures(value / 60)} min` : `${figures(value)} s`;
    case '1/s':
      return `${figures(value)} a second`;
    case 'cores':
      return `${figures(value)} cores`;
    case 'share':
      return `${figures(value * 100)} %`;
    case 'times':
      return `${figures(value)} ×`;
    default:
      return figures(value);
  }
}

/** Three figures, and all of a whole number. */
export function figures(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en');
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString('en', { maximumFractionDigits: Math.min(6, digits) });
}

function scaled(value: number, step: number, names: readonly string[]): string {
  let at = 0;
  let rest = value;
  for (; rest >= step && at < names.length - 1; at += 1) rest /= step;
  return `${figures(rest)} ${names[at] ?? ''}`;
}
