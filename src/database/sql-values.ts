/** Values on their way into statements and out of rows: the same for every driver, whatever its library makes of them. */

/** @throws TypeError for what has no one form in SQL */
export function toParameter(value: unknown): string | boolean | null | Buffer {
  if (value === undefined || value === null) return null;
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' || typeof value === 'bigint') return String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (Array.isArray(value)) return arrayLiteral(value);
  throw new TypeError(
    'expected text, a number, a boolean, a date, bytes or a list of these (JSON as text), got an object',
  );
}

/** Batches are lists of hundreds: what needs no escape is not looked through twice. */
function arrayLiteral(values: readonly unknown[]): string {
  let literal = '{';
  for (const value of values) literal += literal === '{' ? elementOf(value) : `,${elementOf(value)}`;
  return `${literal}}`;
}

function elementOf(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  if (typeof value === 'number') return String(value);
  if (Array.isArray(value)) return arrayLiteral(value);
  const parameter = toParameter(value);
  if (parameter === null) return 'NULL';
  return quoted(Buffer.isBuffer(parameter) ? `\\x${parameter.toString('hex')}` : String(parameter));
}

const ESCAPED = /["\\]/;
const ALL_ESCAPED = /["\\]/g;
const ESCAPE = String.raw`\$&`;

function quoted(text: string): string {
  return ESCAPED.test(text) ? `"${text.replaceAll(ALL_ESCAPED, ESCAPE)}"` : `"${text}"`;
}

/** By the numbers of types in PostgreSQL (pg_type.dat); the others are as both libraries have them. */
export const PARSERS: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  // int8
  [20, wholeNumber],
  // date, interval, numeric: no type of JavaScript is the same
  [1082, asText],
  [1186, asText],
  [1700, asText],
  // timestamp, taken for UTC; timestamptz
  [1114, (text) => new Date(`${text.replace(' ', 'T')}Z`)],
  [1184, (text) => new Date(text)],
]);

/** The same in lists, of which one library asks for each by its own number: int8[], date[], timestamp[], timestamptz[], interval[], numeric[]. */
export const LISTS: ReadonlyMap<number, number> = new Map([
  [1016, 20],
  [1182, 1082],
  [1115, 1114],
  [1185, 1184],
  [1187, 1186],
  [1231, 1700],
]);

/** Sequences and counts: a number that JavaScript cannot hold is an error, not another number. */
function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number))
    throw new RangeError('expected a whole number up to 2^53 (cast larger ones to text), got a larger one');
  return number;
}

function asText(text: string): string {
  return text;
}
