/**
 * What a log line may hold of text that others chose: no line gets over 8 KiB, and nothing in it reaches a terminal as
 * a command. Names and numbers of fields are ours; their texts may be a client's.
 */
import type { LogFields } from './log.ts';

/** UTF-16 code units. One takes at most three bytes in the line once {@link harmless} has been over it. */
const MAX_MESSAGE = 512;
const MAX_FIELD = 1_024;
/** All fields of a line together. */
const MAX_FIELDS = 1_800;

/** C0 without tab and line feed, which JSON escapes and stack traces need; DEL; C1, which JSON does not escape. */
const CONTROL = /(?![\t\n])[\p{Cc}\u2028\u2029]/gu;

export function boundedMessage(message: string): string {
  return clip(message, MAX_MESSAGE);
}

export function boundedFields(fields: LogFields): LogFields {
  let room = MAX_FIELDS;
  const bounded: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    const text = textOf(value);
    const short = text === null ? null : clip(text, Math.max(0, Math.min(room, MAX_FIELD)));
    // What needs no change keeps its type.
    bounded[name] = short === null || short === text ? value : short;
    room -= short?.length ?? 0;
  }
  return bounded;
}

/** What a value puts into the line, `null` for numbers and the like. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  return typeof value === 'object' && value !== null ? JSON.stringify(value, shortened) : null;
}

/** Of a long text nothing is printed that is cut off afterwards: printed control characters take six times the room. */
function shortened(_: string, value: unknown): unknown {
  return typeof value === 'string' && value.length > MAX_FIELD ? value.slice(0, MAX_FIELD + 1) : value;
}

function clip(text: string, max: number): string {
  const clean = harmless(text.slice(0, max));
  return text.length > max || clean.length > max ? `${clean.slice(0, max)}…` : clean;
}

function harmless(text: string): string {
  return text.toWellFormed().replaceAll(CONTROL, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
