/** Finds a nested member's own characters in JSON text that has already been parsed, so that it need not be printed again. */

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;

/**
 * The text of `object[outer][inner]`, for valid JSON text whose top level is an object. As `JSON.parse` does, the last
 * of several equal keys counts. `null` when a key on the way is written with escapes: then print the value instead.
 */
export function sliceMember(text: string, outer: string, inner: string): string | null {
  const range = findMember(text, skipSpace(text, 0), outer);
  if (range === null) return null;
  const found = findMember(text, range.start, inner);
  return found === null ? null : text.slice(found.start, found.end);
}

/** The text of `object[name]`, under the same conditions as {@link sliceMember}. */
export function sliceField(text: string, name: string): string | null {
  const found = findMember(text, skipSpace(text, 0), name);
  return found === null ? null : text.slice(found.start, found.end);
}

/** The texts of an array's elements in order, for valid JSON text whose top level is an array. */
export function sliceElements(text: string): string[] {
  const elements: string[] = [];
  let at = skipSpace(text, skipSpace(text, 0) + 1);
  while (at < text.length && text.charCodeAt(at) !== CLOSE_BRACKET) {
    const end = skipValue(text, at);
    elements.push(text.slice(at, end));
    at = skipSpace(text, end);
    if (text.charCodeAt(at) !== COMMA) break;
    at = skipSpace(text, at + 1);
  }
  return elements;
}

interface Range {
  start: number;
  end: number;
}

function findMember(text: string, objectAt: number, name: string): Range | null {
  if (text.charCodeAt(objectAt) !== OPEN_BRACE) return null;
  let found: Range | null = null;
  let at = skipSpace(text, objectAt + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const keyEnd = stringEnd(text, at);
    const isName = keyEnd - at === name.length + 2 && text.startsWith(name, at + 1);
    if (!isName && text.slice(at, keyEnd).includes('\\')) return null;
    at = skipSpace(text, keyEnd);
    if (text.charCodeAt(at) !== COLON) return null;
    const start = skipSpace(text, at + 1);
    const end = skipValue(text, start);
    if (isName) found = { start, end };
    at = skipSpace(text, end);
    if (text.charCodeAt(at) !== COMMA) break;
    at = skipSpace(text, at + 1);
  }
  return found;
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) <= 0x20) at += 1;
  return at;
}

/** Where a string ends whose opening quote stands at `from`: after the closing one. */
export function stringEnd(text: string, from: number): number {
  let at = from;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at === -1) return text.length;
    let slashes = 0;
    while (text.charCodeAt(at - 1 - slashes) === BACKSLASH) slashes += 1;
    if (slashes % 2 === 0) return at + 1;
  }
}

function skipValue(text: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = stringEnd(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth += 1;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (depth === 0) return at;
      depth -= 1;
      if (depth === 0) return at + 1;
    } else if (depth === 0 && (code === COMMA || code <= 0x20)) return at;
    at += 1;
  }
  return at;
}
