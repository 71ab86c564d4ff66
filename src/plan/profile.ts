/** The file that a calibration writes and a plan reads: figures of one machine, and where they come from. */
import { FIGURE_NAMES, FIGURES, isOfRedis, type FigureName } from './figures.ts';

export const PROFILE_FORMAT = 1;

export interface Origin {
  /** ISO 8601. */
  readonly date: string;
  readonly server: string;
  readonly node: string;
  readonly cpu: string;
  readonly processors: number;
  readonly os: string;
  /** Its version; `null` without. */
  readonly redis: string | null;
  readonly quick: boolean;
  /** What somebody must know who reads the figures. */
  readonly notes: readonly string[];
}

export type Figures = Readonly<Record<FigureName, number>>;

export interface Profile {
  readonly format: typeof PROFILE_FORMAT;
  readonly origin: Origin;
  /** Those of Redis may be missing. */
  readonly figures: Readonly<Partial<Record<FigureName, number>>>;
}

/** A file that is no profile: what was expected, what came. */
export class ProfileError extends Error {
  override readonly name = 'ProfileError';
}

const ORIGIN_TEXTS = ['date', 'server', 'node', 'cpu', 'os'] as const;

/** @throws ProfileError */
export function parseProfile(text: string, name: string): Profile {
  const value = parsed(text, name);
  const expected = (what: string, got: unknown): ProfileError =>
    new ProfileError(
      `expected ${what} in ${name}, got ${JSON.stringify(got) ?? 'nothing'}: ./signalbox load --calibrate --out ${name} writes one`,
    );
  if (!isObject(value)) throw expected('a JSON object', value);
  if (value['format'] !== PROFILE_FORMAT) throw expected(`format ${PROFILE_FORMAT}`, value['format']);
  const { origin, figures } = value;
  if (!isObject(origin)) throw expected('an object "origin"', origin);
  for (const key of ORIGIN_TEXTS)
    if (typeof origin[key] !== 'string') throw expected(`a text "origin.${key}"`, origin[key]);
  if (!Array.isArray(origin['notes'])) throw expected('a list "origin.notes"', origin['notes']);
  if (!isObject(figures)) throw expected('an object "figures"', figures);
  for (const [key, figure] of Object.entries(figures)) {
    if (!Object.hasOwn(FIGURES, key)) throw expected(`"figures" without strangers`, key);
    if (typeof figure !== 'number' || !Number.isFinite(figure) || figure < 0)
      throw expected(`a number from 0 as "figures.${key}"`, figure);
  }
  for (const key of FIGURE_NAMES)
    if (figures[key] === undefined && !isOfRedis(key)) throw expected(`a number as "figures.${key}"`, undefined);
  return value as unknown as Profile;
}

function parsed(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ProfileError(`expected JSON in ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
