/**
 * Loaded before a node (`--import`): its wall clock is off by so many milliseconds as the file says that is named in
 * CHAOS_CLOCK, and steps when the file is written anew. The server knows nothing of it.
 */
import { readFileSync } from 'node:fs';

const LOOK_MS = 100;
const file = process.env['CHAOS_CLOCK'] ?? '';
const RealDate = Date;
let shift = read();
setInterval(() => (shift = read()), LOOK_MS).unref();

function read(): number {
  const text = readFileSync(file, 'utf8');
  // Empty while it is being written.
  return text === '' ? shift : Number(text);
}

class ShiftedDate extends RealDate {
  constructor(...parts: readonly number[]) {
    super(...((parts.length === 0 ? [RealDate.now() + shift] : parts) as [number]));
  }

  static override now(): number {
    return RealDate.now() + shift;
  }
}

globalThis.Date = ShiftedDate as DateConstructor;
