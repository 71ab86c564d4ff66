/** A message as stores keep it: JSON text with one letter for each member, as there may be a million of them. */
import type { JsonValue } from '../protocol/frames.ts';
import type { NewMessage, QueueMessage } from './queue.ts';

const [MAX_ID, MAX_KEY] = [128, 256];

interface Written {
  readonly i: string;
  readonly k: string;
  readonly t: string;
  readonly b: JsonValue;
  readonly h?: Readonly<Record<string, string>>;
  /** When it was put in. */
  readonly a: number;
}

/** @throws RangeError when the message cannot be */
export function messageText(id: string, { key, tenant, body, headers }: NewMessage, now: number): string {
  expectText('id', id, 1, MAX_ID);
  expectText('key', key, 1, MAX_KEY);
  expectText('tenant', tenant, 0, MAX_KEY);
  for (const [name, value] of Object.entries(headers ?? {}))
    if (typeof value !== 'string') throw new RangeError(`expected text as header ${name}, got ${typeof value}`);
  const written: Written = { i: id, k: key, t: tenant, b: body, ...(headers !== undefined && { h: headers }), a: now };
  return JSON.stringify(written);
}

/** @throws SyntaxError or TypeError when somebody else has written it */
export function readMessage(text: string, attempt: number): QueueMessage {
  const { i, k, t, b, h, a } = JSON.parse(text) as Written;
  if (typeof i !== 'string' || typeof k !== 'string' || typeof t !== 'string' || typeof a !== 'number')
    throw new TypeError('expected a message of this server');
  return { id: i, key: k, tenant: t, body: b, headers: h ?? {}, queuedAt: a, attempt };
}

function expectText(what: string, value: string, min: number, max: number): void {
  if (typeof value !== 'string' || value.length < min || value.length > max)
    throw new RangeError(
      `expected a ${what} of ${min} to ${max} characters, got ${typeof value === 'string' ? value.length : typeof value}`,
    );
}
