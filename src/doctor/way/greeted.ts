/** A WebSocket that a node has greeted, with what it says of itself. */
import type { Wish } from './answer.ts';
import type { Way } from './way.ts';
import type { Wire } from './wire.ts';

const GREETING_MS = 1_500;

export interface Greeted {
  readonly wire: Wire;
  readonly details: Readonly<Record<string, unknown>>;
}

/** @returns `null` where there is no WebSocket; `'silent'` where there is one, and no greeting comes through it */
export async function greeted(way: Way, wish: Wish): Promise<Greeted | 'silent' | null> {
  const wire = await way.wire(wish).catch(() => null);
  if (wire === null) return null;
  const greeting = await wire.next(({ type }) => type === 'Status' || type === 'Error', GREETING_MS);
  const data = greeting?.['data'] as { details?: Readonly<Record<string, unknown>> } | undefined;
  if (data?.details !== undefined) return { wire, details: data.details };
  wire.close();
  return greeting === null ? 'silent' : null;
}
