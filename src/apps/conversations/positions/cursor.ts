/** Where a page ends: opaque to the clients that get it, and give it back. */

const MAX_LENGTH = 600;

/** Of a list. */
export interface Cursor {
  /** Microseconds since 1970, as exact as the table has it. */
  readonly at: number;
  readonly id: string;
}

export function writeCursor(first: number | string, second: string): string {
  return Buffer.from(JSON.stringify([first, second])).toString('base64url');
}

/** `null` for what no list has given. */
export function readCursor(text: string): Cursor | null {
  const [at, id] = read(text);
  return Number.isSafeInteger(at) && isText(id) ? { at: at as number, id } : null;
}

/** The last conversation of a part that was recounted. `null` for what none has given. */
export function readPlace(text: string): { readonly tenant: string; readonly id: string } | null {
  const [tenant, id] = read(text);
  return isText(tenant) && isText(id) ? { tenant, id } : null;
}

function read(text: string): readonly unknown[] {
  if (text.length > MAX_LENGTH) return [];
  try {
    const parsed: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    return Array.isArray(parsed) && parsed.length === 2 ? parsed : [];
  } catch {
    return [];
  }
}

/** PostgreSQL has no texts with a zero in them. */
function isText(value: unknown): value is string {
  return typeof value === 'string' && !value.includes('\0');
}
