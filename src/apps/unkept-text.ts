/** Texts with a NUL, which PostgreSQL keeps nowhere. They are looked for once the database has refused them: nobody pays for it before. */
import { refusal, type Refusal } from '../protocol/errors.ts';

/** `character_not_in_repertoire`. https://www.postgresql.org/docs/current/errcodes-appendix.html */
export const NOT_A_TEXT = '22021';
/** What the server's own readers let through, and no more: a call takes no stack of its sender's choice. */
const MAX_DEPTH = 64;

/** @param given by the caller: objects with fields as the caller knows them */
export function refuseUnkept(given: readonly unknown[]): Refusal {
  const field = given.map((value) => placeOfNul(value, 0)).find((place) => place !== null) ?? '';
  const problem = 'expected texts without NUL (U+0000), which the database does not keep';
  return refusal('invalid_field', field === '' ? problem : `${field}: ${problem}`);
}

/** `null` where there is none; `''` for the value itself. */
function placeOfNul(value: unknown, depth: number): string | null {
  if (typeof value === 'string') return value.includes('\0') ? '' : null;
  if (typeof value !== 'object' || value === null || depth > MAX_DEPTH || !isPlain(value)) return null;
  for (const [name, inner] of Object.entries(value)) {
    // The NUL may be in the name of a field.
    const place = name.includes('\0') ? '' : placeOfNul(inner, depth + 1);
    if (place !== null) return [name.replaceAll('\0', '?'), place].filter((part) => part !== '').join('.');
  }
  return null;
}

/** Not the bytes of a body, and not its stream. */
function isPlain(value: object): boolean {
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
