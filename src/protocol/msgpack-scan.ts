/**
 * Walks untrusted MessagePack without building anything, and refuses what the protocol does not allow, before the
 * decoding library sees it: msgpackr accepts record, date, error and typed-array extensions from any input, renames
 * `__proto__` keys, and ignores nothing after the value. (docs/protocol.md: payloads are JSON values in both formats.)
 */
import { isUtf8 } from 'node:buffer';
import { MAX_DEPTH } from './limits.ts';

const PROTO = Buffer.from('__proto__');
const DATA = Buffer.from('data');
const PAYLOAD = Buffer.from('payload');
const MAX_SAFE_HIGH = 0x1f_ffff;
/** Bytes of a string that is looked at byte by byte. */
const SHORT = 32;

class Scanner {
  at = 0;
  problem: string | null = null;
  /** Where `data.payload` stands; of several equal keys the last counts. */
  payloadStart = -1;
  payloadEnd = -1;
  private isInData = false;
  readonly bytes: Uint8Array;
  readonly view: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  fail(problem: string): false {
    this.problem ??= problem;
    return false;
  }

  has(count: number): boolean {
    return this.at + count <= this.bytes.byteLength || this.fail('bytes that end too early');
  }

  /** Steps over one value. */
  value(depth: number): boolean {
    if (!this.has(1)) return false;
    const tag = this.bytes[this.at] as number;
    this.at += 1;
    if (tag <= 0x7f || tag >= 0xe0) return true;
    if (tag <= 0x8f) return this.map(tag & 0x0f, depth);
    if (tag <= 0x9f) return this.array(tag & 0x0f, depth);
    if (tag <= 0xbf) return this.text(tag & 0x1f);
    return this.tagged(tag, depth);
  }

  tagged(tag: number, depth: number): boolean {
    switch (tag) {
      case 0xc0:
      case 0xc2:
      case 0xc3:
        return true;
      case 0xca:
        return this.has(4) && this.finite(this.view.getFloat32(this.at), 4);
      case 0xcb:
        return this.has(8) && this.finite(this.view.getFloat64(this.at), 8);
      case 0xcc:
      case 0xd0:
        return this.skip(1);
      case 0xcd:
      case 0xd1:
        return this.skip(2);
      case 0xce:
      case 0xd2:
        return this.skip(4);
      case 0xcf:
        return (
          this.has(8) &&
          (this.view.getUint32(this.at) <= MAX_SAFE_HIGH ? this.skip(8) : this.fail('an integer beyond 2^53'))
        );
      case 0xd3:
        return this.has(8) && this.signed();
      case 0xd9:
        return this.has(1) && this.text(this.view.getUint8(this.step(1)));
      case 0xda:
        return this.has(2) && this.text(this.view.getUint16(this.step(2)));
      case 0xdb:
        return this.has(4) && this.text(this.view.getUint32(this.step(4)));
      case 0xdc:
        return this.has(2) && this.array(this.view.getUint16(this.step(2)), depth);
      case 0xdd:
        return this.has(4) && this.array(this.view.getUint32(this.step(4)), depth);
      case 0xde:
        return this.has(2) && this.map(this.view.getUint16(this.step(2)), depth);
      case 0xdf:
        return this.has(4) && this.map(this.view.getUint32(this.step(4)), depth);
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.fail('binary data (send base64 text)');
      default:
        return this.fail('an extension type');
    }
  }

  /** Moves on and answers where it was, for reading a length that `has` has checked. */
  step(count: number): number {
    const at = this.at;
    this.at += count;
    return at;
  }

  skip(count: number): boolean {
    if (!this.has(count)) return false;
    this.at += count;
    return true;
  }

  finite(value: number, size: number): boolean {
    return Number.isFinite(value) ? this.skip(size) : this.fail('NaN or an infinity');
  }

  signed(): boolean {
    const high = this.view.getInt32(this.at);
    const safe =
      high >= -MAX_SAFE_HIGH - 1 &&
      high <= MAX_SAFE_HIGH &&
      !(high === -MAX_SAFE_HIGH - 1 && this.view.getUint32(this.at + 4) === 0);
    return safe ? this.skip(8) : this.fail('an integer beyond 2^53');
  }

  text(length: number): boolean {
    if (!this.has(length)) return false;
    const end = this.at + length;
    const ok = (length <= SHORT && this.isAscii(end)) || isUtf8(this.bytes.subarray(this.at, end));
    this.at = end;
    return ok || this.fail('a string that is not UTF-8');
  }

  /** Of short strings a view costs more than all of their bytes: a message may be thousands of keys. */
  isAscii(end: number): boolean {
    for (let at = this.at; at < end; at += 1) if ((this.bytes[at] as number) > 0x7f) return false;
    return true;
  }

  // Each element takes at least one byte, so a header that claims millions of elements ends with the input.
  array(count: number, depth: number): boolean {
    if (depth >= MAX_DEPTH) return this.fail(`more than ${MAX_DEPTH} levels of nesting`);
    for (let index = 0; index < count; index += 1) if (!this.value(depth + 1)) return false;
    return true;
  }

  map(count: number, depth: number): boolean {
    if (depth >= MAX_DEPTH) return this.fail(`more than ${MAX_DEPTH} levels of nesting`);
    if (depth === 0) return this.frame(count);
    if (depth === 1 && this.isInData) return this.data(count);
    for (let index = 0; index < count; index += 1) if (!this.key() || !this.value(depth + 1)) return false;
    return true;
  }

  frame(count: number): boolean {
    for (let index = 0; index < count; index += 1) {
      const start = this.at;
      if (!this.key()) return false;
      this.isInData = this.isKey(DATA, start);
      if (this.isInData) this.payloadStart = -1;
      if (!this.value(1)) return false;
    }
    return true;
  }

  data(count: number): boolean {
    for (let index = 0; index < count; index += 1) {
      const start = this.at;
      if (!this.key()) return false;
      const isPayload = this.isKey(PAYLOAD, start);
      if (isPayload) this.payloadStart = this.at;
      if (!this.value(2)) return false;
      if (isPayload) this.payloadEnd = this.at;
    }
    return true;
  }

  /** Whether the key that was stepped over since `start` is this one. */
  isKey(name: Uint8Array, start: number): boolean {
    const from = this.at - name.length;
    if (from - start !== headerSize(this.bytes[start] as number)) return false;
    return name.every((byte, at) => this.bytes[from + at] === byte);
  }

  key(): boolean {
    if (!this.has(1)) return false;
    const tag = this.bytes[this.at] as number;
    const isText = (tag >= 0xa0 && tag <= 0xbf) || (tag >= 0xd9 && tag <= 0xdb);
    if (!isText) return this.fail('a map key that is not a string');
    const start = this.at;
    if (!this.value(0)) return false;
    if (this.at - start - headerSize(tag) !== PROTO.length) return true;
    const isProto = PROTO.equals(this.bytes.subarray(this.at - PROTO.length, this.at));
    return !isProto || this.fail('the key "__proto__"');
  }
}

function headerSize(tag: number): number {
  if (tag <= 0xbf) return 1;
  return tag === 0xd9 ? 2 : tag === 0xda ? 3 : 5;
}

/** Why the bytes are not one allowed MessagePack value, in words for an error message, or `null`. */
export function scanProblem(bytes: Uint8Array): string | null {
  return scan(bytes).problem;
}

export interface Scanned {
  readonly problem: string | null;
  /** Where `data.payload` stands in a frame; -1 without one. */
  readonly payloadStart: number;
  readonly payloadEnd: number;
}

export function scan(bytes: Uint8Array): Scanned {
  const scanner = new Scanner(bytes);
  if (scanner.value(0) && scanner.at !== bytes.byteLength) scanner.fail('bytes after the end of the frame');
  return scanner;
}

/** Where the value after the key `name` starts in our own map at offset 0, or -1. */
export function valueOffset(bytes: Uint8Array, name: string): number {
  const scanner = new Scanner(bytes);
  const count = (bytes[0] as number) & 0x0f;
  scanner.at = 1;
  for (let index = 0; index < count; index += 1) {
    const start = scanner.at + 1;
    if (!scanner.value(0)) return -1;
    if (
      scanner.at - start === name.length &&
      bytes.subarray(start, scanner.at).every((byte, at) => byte === name.charCodeAt(at))
    ) {
      return scanner.at;
    }
    if (!scanner.value(0)) return -1;
  }
  return -1;
}
