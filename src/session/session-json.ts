/** Sessions as JSON: how they are stored, backed up and restored. */
import type { Position } from '../protocol/position.ts';
import type { Session } from './session-store.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Names that other backups use, ours first. */
const NAMES = {
  id: ['id', 'session_id'],
  user: ['user', 'user_id'],
  subscriptions: ['subscriptions', 'topics'],
  savedAt: ['savedAt', 'saved_at', 'timestamp'],
} as const;

const MAX_ID = 128;

/**
 * A session from a value of unknown origin. Unknown parts are empty; a session without a time counts as older
 * than any other.
 * @throws TypeError that says what was expected
 */
export function readSession(value: unknown): Session {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new TypeError('expected an object');
  const fields = value as Fields;
  const id = pick(fields, NAMES.id);
  if (typeof id !== 'string' || id === '' || id.length > MAX_ID || /[{}\s]/.test(id))
    throw new TypeError(`expected id: text of 1 to ${MAX_ID} characters without braces and spaces`);
  const user = pick(fields, NAMES.user);
  if (typeof user !== 'string' || user === '') throw new TypeError('expected user (or user_id): text');
  const { tenant = '' } = fields;
  if (typeof tenant !== 'string') throw new TypeError('expected tenant: text');
  return {
    id,
    tenant,
    user,
    subscriptions: readSubscriptions(pick(fields, NAMES.subscriptions) ?? []),
    positions: readPositions(fields['positions'] ?? {}),
    savedAt: readTime(pick(fields, NAMES.savedAt) ?? 0),
  };
}

function pick(fields: Fields, names: readonly string[]): unknown {
  return names.map((name) => fields[name]).find((value) => value !== undefined && value !== null);
}

function readSubscriptions(value: unknown): string[] {
  if (!Array.isArray(value) || value.some((name) => typeof name !== 'string'))
    throw new TypeError('expected subscriptions (or topics): a list of texts');
  return value as string[];
}

function readPositions(value: unknown): Record<string, Position> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('expected positions: {topic: {epoch, sequence}}');
  return Object.fromEntries(
    Object.entries(value as Fields).map(([topic, position]) => {
      const { epoch, sequence } = (position ?? {}) as Fields;
      if (typeof epoch !== 'string' || !Number.isSafeInteger(sequence) || Number(sequence) < 0)
        throw new TypeError('expected positions: {topic: {epoch: text, sequence: whole number}}');
      return [topic, { epoch, sequence: Number(sequence) }];
    }),
  );
}

function readTime(value: unknown): number {
  const time = typeof value === 'string' ? Date.parse(value) : value;
  if (typeof time !== 'number' || !Number.isFinite(time) || time < 0)
    throw new TypeError('expected savedAt (or saved_at, timestamp): milliseconds since 1970, or a date');
  return time;
}
