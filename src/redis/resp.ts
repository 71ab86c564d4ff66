/**
 * Redis's protocol as far as the hot path needs it. The client library makes an object with a promise of each command, and keeps
 * where it reads in a WeakMap: together that was a third of what a publication costs a node.
 * Values are as the library gives them: texts, numbers, arrays, `null`.
 */
import { failureOf } from './failure.ts';

/** The bytes of the next reply have not all come. */
export const UNFINISHED = Symbol('unfinished');

const CR = 13;
const ZERO = 48;
const MINUS = 45;
const NOTHING = Buffer.alloc(0);

/** Arguments that are the same in many commands: encoded once. */
export class Arguments {
  readonly parts: readonly (string | number)[];
  readonly text: string;

  constructor(...parts: readonly (string | number)[]) {
    this.parts = parts;
    this.text = parts.map(encodePart).join('');
  }
}

/** One command as it is sent. */
export function encodeCommand(command: readonly (string | number | Arguments)[]): string {
  let count = 0;
  let text = '';
  for (const part of command) {
    const isMany = typeof part === 'object';
    count += isMany ? part.parts.length : 1;
    text += isMany ? part.text : encodePart(part);
  }
  return `*${count}\r\n${text}`;
}

/** The arguments one by one, for the client library. */
export function flatArguments(parts: readonly (string | number | Arguments)[]): (string | number)[] {
  return parts.flatMap((part) => (typeof part === 'object' ? part.parts : [part]));
}

function encodePart(part: string | number): string {
  const text = typeof part === 'number' ? String(part) : part;
  return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
}

/** Takes what comes, in whatever pieces, and gives back replies. */
export class ReplyReader {
  private bytes: Buffer = NOTHING;
  private at = 0;

  add(bytes: Buffer): void {
    this.bytes = this.at === this.bytes.length ? bytes : Buffer.concat([this.bytes.subarray(this.at), bytes]);
    this.at = 0;
  }

  /** @throws Error when it is none */
  next(): unknown {
    const start = this.at;
    const value = this.value();
    if (value === UNFINISHED) this.at = start;
    return value;
  }

  private value(): unknown {
    const kind = this.bytes[this.at];
    if (kind === undefined) return UNFINISHED;
    this.at += 1;
    switch (String.fromCharCode(kind)) {
      case ':':
        return this.integer();
      case '$':
        return this.text();
      case '*':
      case '~':
      case '>':
        return this.array(1);
      case '%':
        return this.array(2);
      case '+':
      case ',':
      case '(':
        return this.line();
      case '-':
        return failed(this.line());
      case '!':
        return failed(this.text());
      case '=':
        return verbatim(this.text());
      case '_':
        return this.line() === UNFINISHED ? UNFINISHED : null;
      case '#':
        return truth(this.line());
      default:
        throw new Error(`expected a reply of Redis, got one that begins with byte ${kind}`);
    }
  }

  private integer(): number | typeof UNFINISHED {
    const { bytes } = this;
    let at = this.at;
    const isNegative = bytes[at] === MINUS;
    if (isNegative) at += 1;
    let number = 0;
    for (let byte = bytes[at]; byte !== CR; byte = bytes[at]) {
      if (byte === undefined) return UNFINISHED;
      number = number * 10 + byte - ZERO;
      at += 1;
    }
    // The line feed as well.
    if (at + 2 > bytes.length) return UNFINISHED;
    this.at = at + 2;
    return isNegative ? -number : number;
  }

  private line(): string | typeof UNFINISHED {
    const end = this.bytes.indexOf('\r\n', this.at);
    if (end === -1) return UNFINISHED;
    const text = this.bytes.toString('utf8', this.at, end);
    this.at = end + 2;
    return text;
  }

  private text(): string | null | typeof UNFINISHED {
    const length = this.integer();
    if (length === UNFINISHED) return UNFINISHED;
    if (length < 0) return null;
    const end = this.at + length;
    if (end + 2 > this.bytes.length) return UNFINISHED;
    const text = this.bytes.toString('utf8', this.at, end);
    this.at = end + 2;
    return text;
  }

  /** @param values that stand for one that is counted */
  private array(values: number): unknown[] | null | typeof UNFINISHED {
    const length = this.integer();
    if (length === UNFINISHED) return UNFINISHED;
    if (length < 0) return null;
    const all: unknown[] = [];
    for (let left = length * values; left > 0; left -= 1) {
      const value = this.value();
      if (value === UNFINISHED) return UNFINISHED;
      all.push(value);
    }
    return all;
  }
}

function failed(text: string | null | typeof UNFINISHED): unknown {
  return text === UNFINISHED ? UNFINISHED : failureOf(text);
}

/** Behind three letters for its format and a colon. */
function verbatim(text: string | null | typeof UNFINISHED): unknown {
  return typeof text === 'string' ? text.slice(4) : text;
}

function truth(text: string | typeof UNFINISHED): unknown {
  if (text === UNFINISHED) return UNFINISHED;
  return text === 't' ? 1 : 0;
}
