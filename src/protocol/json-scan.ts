/**
 * Checks JSON text (RFC 8259) without building what it says: a payload is passed on as the client's own characters, and
 * the engine's parser takes up to 250 µs a KiB for objects of many keys, of which nothing is used. One pass, no recursion,
 * a few nanoseconds a character whatever the text is. What makes a value unfit as a payload is noted on the way.
 */
import { MAX_DEPTH } from './limits.ts';
import { PAYLOAD_PROBLEMS } from './payload-problems.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const PLUS = 0x2b;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const LOWER_E = 0x65;
const LOWER_U = 0x75;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;
/** To the bit that tells upper-case letters from lower-case ones. */
const CASE = 0x20;

const PROTO = '__proto__';
/** `__proto__` with each of its characters as an escape. */
const LONGEST_PROTO = PROTO.length * 6;
/** A number of more digits may be beyond the range of a double, as one with an exponent may. */
const SAFE_DIGITS = 300;
/**
 * Room for closing brackets, used by every scan: twice what a message of the default size can open. A deeper text has its own;
 * an array that grew anew for each took 20 times as long.
 */
const ROOM = new Uint8Array(131_072);

/** The problem that was noted first since {@link takeProblem}. */
let problem: string | null = null;
let hasEscape = false;

/** Why the values scanned since the last call are unfit as a payload, or `null`. */
export function takeProblem(): string | null {
  const taken = problem;
  problem = null;
  return taken;
}

/**
 * @param depth levels of nesting around the value
 * @returns where the value ends that starts at `from`, or -1 when none does
 */
export function scanValue(text: string, from: number, depth: number): number {
  /** Closing brackets of the containers that are open. */
  let open = ROOM;
  let level = 0;
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      if (depth + level >= MAX_DEPTH) problem ??= PAYLOAD_PROBLEMS.deep;
      const closing = code === OPEN_BRACE ? CLOSE_BRACE : CLOSE_BRACKET;
      at = skipSpace(text, at + 1);
      if (text.charCodeAt(at) === closing) at += 1;
      else {
        if (level === open.length) open = doubled(open);
        open[level] = closing;
        level += 1;
        if (closing === CLOSE_BRACE) at = scanKey(text, at);
        if (at === -1) return -1;
        continue;
      }
    } else {
      at = code === QUOTE ? scanString(text, at) : scanScalar(text, at, code);
      if (at === -1) return -1;
    }
    while (level > 0) {
      at = skipSpace(text, at);
      const next = text.charCodeAt(at);
      const closing = open[level - 1];
      if (next === COMMA) {
        at = skipSpace(text, at + 1);
        if (closing === CLOSE_BRACE) at = scanKey(text, at);
        if (at === -1) return -1;
        break;
      }
      if (next !== closing) return -1;
      level -= 1;
      at += 1;
    }
    if (level > 0) continue;
    return at;
  }
}

function doubled(room: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const wider = new Uint8Array(room.length * 2);
  wider.set(room);
  return wider;
}

export function skipSpace(text: string, from: number): number {
  let at = from;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code !== SPACE && code !== 0x0a && code !== 0x0d && code !== 0x09) return at;
    at += 1;
  }
}

/** Whether the key scanned last is written with escapes. */
export function wasEscaped(): boolean {
  return hasEscape;
}

/** Steps over a key and its colon. @returns where its value starts, or -1 */
export function scanKey(text: string, from: number): number {
  if (text.charCodeAt(from) !== QUOTE) return -1;
  const end = scanString(text, from);
  if (end === -1) return -1;
  if (isProto(text, from + 1, end - 1)) problem ??= PAYLOAD_PROBLEMS.proto;
  const at = skipSpace(text, end);
  return text.charCodeAt(at) === COLON ? skipSpace(text, at + 1) : -1;
}

function isProto(text: string, start: number, end: number): boolean {
  const length = end - start;
  if (!hasEscape) return length === PROTO.length && text.startsWith(PROTO, start);
  return length <= LONGEST_PROTO && JSON.parse(text.slice(start - 1, end + 1)) === PROTO;
}

/** @returns where the string ends whose opening quote stands at `from`: after the closing one; -1 when it is none */
function scanString(text: string, from: number): number {
  hasEscape = false;
  for (let at = from + 1; ; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code === BACKSLASH) {
      hasEscape = true;
      at = escapeEnd(text, at + 1);
      if (at === -1) return -1;
    } else if (!(code >= SPACE)) return -1;
  }
}

/** @returns the last character of the escape whose letter stands at `at`, or -1 */
function escapeEnd(text: string, at: number): number {
  const letter = text.charCodeAt(at);
  if (letter !== LOWER_U) return '"\\/bfnrt'.includes(text.charAt(at)) && at < text.length ? at : -1;
  for (let digit = 1; digit <= 4; digit += 1) if (!isHex(text.charCodeAt(at + digit))) return -1;
  return at + 4;
}

function isHex(code: number): boolean {
  return isDigit(code) || ((code | CASE) >= 0x61 && (code | CASE) <= 0x66);
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= NINE;
}

function scanScalar(text: string, at: number, code: number): number {
  if (code === MINUS || isDigit(code)) return scanNumber(text, at);
  if (text.startsWith('true', at) || text.startsWith('null', at)) return at + 4;
  return text.startsWith('false', at) ? at + 5 : -1;
}

function scanNumber(text: string, from: number): number {
  let at = text.charCodeAt(from) === MINUS ? from + 1 : from;
  const first = text.charCodeAt(at);
  if (!isDigit(first)) return -1;
  at = first === ZERO ? at + 1 : skipDigits(text, at);
  if (text.charCodeAt(at) === DOT) {
    if (!isDigit(text.charCodeAt(at + 1))) return -1;
    at = skipDigits(text, at + 1);
  }
  const isScaled = (text.charCodeAt(at) | CASE) === LOWER_E;
  if (isScaled) {
    const sign = text.charCodeAt(at + 1);
    at += sign === PLUS || sign === MINUS ? 2 : 1;
    if (!isDigit(text.charCodeAt(at))) return -1;
    at = skipDigits(text, at);
  }
  if ((isScaled || at - from > SAFE_DIGITS) && !Number.isFinite(Number(text.slice(from, at))))
    problem ??= PAYLOAD_PROBLEMS.infinite;
  return at;
}

function skipDigits(text: string, from: number): number {
  let at = from;
  while (isDigit(text.charCodeAt(at))) at += 1;
  return at;
}
