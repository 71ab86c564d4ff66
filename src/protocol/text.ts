/**
 * The difference between text and other bytes: bytes that are no UTF-8, escapes that name half a character, percent-encoding of such
 * bytes. The engine replaces all of these by U+FFFD without a word, so that two different inputs become one; here they are
 * found instead, with where, so that their reader can refuse them.
 */
import { isUtf8 } from 'node:buffer';

const BACKSLASH = '\\';
const LOWER_U = 0x75;
/** An escape that may be half of a surrogate pair. Nearly all text has none, and then nothing is walked. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;
const REPLACEMENT = [0xef, 0xbf, 0xbd] as const;

/** Offset of the first byte that is no UTF-8, or -1. */
export function notUtf8At(bytes: Uint8Array): number {
  if (isUtf8(bytes)) return -1;
  // Bytes that are not UTF-8 are replaced, so the first place where the text's own bytes differ is the one.
  const replaced = Buffer.from(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
  let at = 0;
  while (bytes[at] === replaced[at]) at += 1;
  // A character that is cut off may begin as the replacement does.
  if (replaced[at] === REPLACEMENT[1] && bytes[at - 1] === REPLACEMENT[0]) return at - 1;
  if (replaced[at] === REPLACEMENT[2] && bytes[at - 2] === REPLACEMENT[0] && bytes[at - 1] === REPLACEMENT[1])
    return at - 2;
  return at;
}

/** Index of the first escape in JSON text that names half a character (`\ud800` without its other half), or -1. */
export function loneSurrogateAt(json: string): number {
  if (!json.includes(BACKSLASH)) return -1;
  const start = json.search(SURROGATE_ESCAPE);
  if (start === -1) return -1;
  // A backslash before it may be one that is escaped itself, so the walk begins in front of the whole run of them.
  let at = start;
  while (at > 0 && json[at - 1] === BACKSLASH) at -= 1;
  for (;;) {
    at = json.indexOf(BACKSLASH, at);
    if (at === -1) return -1;
    const unit = escapedUnit(json, at);
    if (unit === null) at += 2;
    else if (!isSurrogate(unit)) at += 6;
    else if (!isHigh(unit) || !isLow(escapedUnit(json, at + 6))) return at;
    else at += 12;
  }
}

/** Why JSON text that was parsed is refused, or `null`. RFC 8259 section 8.2, RFC 7493 section 2.1. */
export function surrogateProblem(json: string): string | null {
  const at = loneSurrogateAt(json);
  if (at === -1) return null;
  const offset = Buffer.byteLength(json.slice(0, at));
  return `expected whole characters, got half of a surrogate pair (${json.slice(at, at + 6)}) at byte ${offset}`;
}

/** Why a path or a query cannot be decoded, or `null`: RFC 3986 section 2. */
export function percentProblem(encoded: string): string | null {
  for (let at = 0; at < encoded.length; at += 1) {
    const unit = encoded.charCodeAt(at);
    if (unit > 0x7e) return `expected ASCII with percent-encoding, got another character at byte ${at}`;
  }
  if (!encoded.includes('%')) return null;
  try {
    decodeURIComponent(encoded);
    return null;
  } catch {
    return `expected percent-encoded UTF-8, got something else in ${JSON.stringify(firstUndecodable(encoded))}`;
  }
}

/** The first run of `%XX` that is no text, as far as it is worth showing. */
function firstUndecodable(encoded: string): string {
  for (const [run] of encoded.matchAll(/%(?:[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*)?/g)) {
    try {
      decodeURIComponent(run);
    } catch {
      return run.slice(0, 24);
    }
  }
  return '%';
}

/** The code unit that `\uXXXX` at this place names; `null` when no such escape begins there. */
function escapedUnit(json: string, at: number): number | null {
  if (json[at] !== BACKSLASH || json.charCodeAt(at + 1) !== LOWER_U) return null;
  const digits = json.slice(at + 2, at + 6);
  return /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : null;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

function isHigh(unit: number): boolean {
  return unit <= 0xdbff;
}

function isLow(unit: number | null): boolean {
  return unit !== null && unit >= 0xdc00 && unit <= 0xdfff;
}

/** Longer texts are printed by the engine. */
const SHORT = 64;

/** A text as JSON. Ids and names of a few plain characters are most, and a look at them costs less than a call of the printer. */
export function quoted(text: string): string {
  if (text.length > SHORT) return JSON.stringify(text);
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return JSON.stringify(text);
  }
  return `"${text}"`;
}
