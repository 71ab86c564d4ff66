/** Finds the payload in the text of a large frame, so that the rest can be parsed without it. */
import { scanKey, scanValue, skipSpace, takeProblem, wasEscaped } from './json-scan.ts';

export interface FoundPayload {
  readonly start: number;
  readonly end: number;
  /** Why it is unfit as a payload, or `null`. */
  readonly problem: string | null;
}

export const NOT_JSON = Symbol('not JSON');

const CLOSE_BRACE = 0x7d;
const COMMA = 0x2c;
const OPEN_BRACE = 0x7b;
/** Levels of nesting around a member of `data`. */
const DEPTH = 2;

/** What one walk over a frame has found. */
interface Walk {
  readonly text: string;
  found: FoundPayload | null;
  /** A key that may be one of ours is written with escapes. */
  isEscaped: boolean;
}

/**
 * @returns where `data.payload` stands; `null` when the text is no object or has none, or when escapes in keys leave
 *   that open; {@link NOT_JSON} when no parser would take the text
 */
export function findPayload(text: string): FoundPayload | typeof NOT_JSON | null {
  const start = skipSpace(text, 0);
  if (text.charCodeAt(start) !== OPEN_BRACE) return null;
  const walk: Walk = { text, found: null, isEscaped: false };
  const end = walkObject(walk, start, scanMember);
  if (end === -1 || skipSpace(text, end) !== text.length) return NOT_JSON;
  return walk.isEscaped ? null : walk.found;
}

/** Scans the value of a member whose key stands between two places. @returns where the value ends, or -1 */
type Member = (walk: Walk, keyStart: number, keyEnd: number, valueStart: number) => number;

/** @returns where the object ends that starts at `from`, or -1 */
function walkObject(walk: Walk, from: number, member: Member): number {
  const { text } = walk;
  let at = skipSpace(text, from + 1);
  if (text.charCodeAt(at) === CLOSE_BRACE) return at + 1;
  for (;;) {
    const value = scanKey(text, at);
    if (value === -1) return -1;
    if (wasEscaped()) walk.isEscaped = true;
    at = member(walk, at + 1, text.lastIndexOf('"', value - 1), value);
    if (at === -1) return -1;
    at = skipSpace(text, at);
    if (text.charCodeAt(at) === CLOSE_BRACE) return at + 1;
    if (text.charCodeAt(at) !== COMMA) return -1;
    at = skipSpace(text, at + 1);
  }
}

function scanMember(walk: Walk, keyStart: number, keyEnd: number, at: number): number {
  const { text } = walk;
  if (!isKey(text, 'data', keyStart, keyEnd)) return scanValue(text, at, 1);
  // The last of several equal keys counts.
  walk.found = null;
  return text.charCodeAt(at) === OPEN_BRACE ? walkObject(walk, at, scanMemberOfData) : scanValue(text, at, 1);
}

function scanMemberOfData(walk: Walk, keyStart: number, keyEnd: number, at: number): number {
  const { text } = walk;
  if (!isKey(text, 'payload', keyStart, keyEnd)) return scanValue(text, at, DEPTH);
  takeProblem();
  const end = scanValue(text, at, DEPTH);
  walk.found = { start: at, end, problem: takeProblem() };
  return end;
}

function isKey(text: string, key: string, start: number, end: number): boolean {
  return end - start === key.length && text.startsWith(key, start);
}
