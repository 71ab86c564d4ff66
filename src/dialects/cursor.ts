/**
 * Where a client stands in all its topics, as one text: the event id of a stream, which browsers hand back as
 * `Last-Event-ID`. It lists positions in the order of the sorted names and a digest of these, and no name. Pure.
 */
import { createHash } from 'node:crypto';
import { MAX_EPOCH_LENGTH } from '../protocol/limits.ts';
import type { Position } from '../protocol/position.ts';

/** Longer ones are not read: fifty topics take 1.2 kB. */
const MAX_CURSOR_LENGTH = 4_096;

/** A position for each topic; `null` for one that has none: it keeps no log, or was not subscribed to. */
type Positions = readonly (Position | null)[];

const NONE = '-';
const PART = '.';
const DIGEST_LENGTH = 8;
const POSITION = new RegExp(`^([A-Za-z0-9_-]{1,${MAX_EPOCH_LENGTH}}):([0-9a-z]{1,11})$`);
const ONE = new RegExp(`^([A-Za-z0-9_-]{1,${MAX_EPOCH_LENGTH}}):([0-9]{1,16})$`);
/** Sequences of several topics are in base 36. */
const BASE = 36;

/** What tells the cursors of one list of topics from those of another. */
export function digestOf(sortedNames: readonly string[]): string {
  return createHash('sha256').update(sortedNames.join(',')).digest('base64url').slice(0, DIGEST_LENGTH);
}

/** @param digest of the names, see {@link digestOf} */
export function cursorOf(digest: string, positions: Positions): string {
  const [first] = positions;
  // Of one topic people write and read it by hand.
  if (positions.length === 1) return first === null || first === undefined ? NONE : `${first.epoch}:${first.sequence}`;
  let text = digest;
  for (const position of positions)
    text += position === null ? PART + NONE : `${PART}${position.epoch}:${position.sequence.toString(BASE)}`;
  return text;
}

/** @returns the positions, or `null` for a text that is no cursor of these topics */
export function readCursor(text: string, sortedNames: readonly string[]): Positions | null {
  if (text.length > MAX_CURSOR_LENGTH) return null;
  if (sortedNames.length === 1) return readParts([text], ONE, 10);
  const [digest, ...parts] = text.split(PART);
  if (digest !== digestOf(sortedNames) || parts.length !== sortedNames.length) return null;
  return readParts(parts, POSITION, BASE);
}

function readParts(parts: readonly string[], form: RegExp, base: number): Positions | null {
  const positions: (Position | null)[] = [];
  for (const part of parts) {
    const [, epoch, digits] = form.exec(part) ?? [];
    const sequence = Number.parseInt(digits ?? '', base);
    if (part === NONE) positions.push(null);
    else if (epoch === undefined || !Number.isSafeInteger(sequence)) return null;
    else positions.push({ epoch, sequence });
  }
  return positions;
}
