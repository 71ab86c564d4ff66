/** Reads fields of JSON that strangers wrote: what is missing or of another type is not there. */
import type { JsonValue } from '../../../protocol/frames.ts';

export type Fields = Readonly<Record<string, JsonValue>>;

const NOTHING: Fields = {};

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object, or an empty one. */
export function fieldsOf(value: JsonValue | undefined): Fields {
  return isFields(value) ? value : NOTHING;
}

export function listOf(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

/** A text without what no database keeps; `undefined` for an empty one. */
export function textOf(value: JsonValue | undefined): string | undefined {
  if (typeof value !== 'string') return undefined;
  const text = cleanText(value);
  return text === '' ? undefined : text;
}

export function numberOf(value: JsonValue | undefined): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : undefined;
}

/** Without NUL and halves of characters, which PostgreSQL does not keep. */
export function cleanText(text: string): string {
  return text.toWellFormed().replaceAll('\0', '');
}

/** A member that is there or not: `{ ...optional('name', name) }`. */
export function optional<Name extends string, Value>(
  name: Name,
  value: Value | undefined,
): { readonly [N in Name]?: Value } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [N in Name]?: Value };
}

/** Digits of a number as people and machines write it: `+91 98…`, ` 9198…` (a `+` in a query is a space), `tel:`. */
export function digitsOf(number: string): string {
  return number.replaceAll(/\D/g, '');
}
