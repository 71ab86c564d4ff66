/**
 * Prints MessagePack as JSON text without building what it says: objects of many keys and arrays of many maps take the
 * decoding library and the printer up to 300 µs a KiB together. The bytes must have passed the scan (msgpack-scan.ts).
 */

/** The most characters that a byte becomes: a control character in a string, of which each byte is one. */
const MOST_PER_BYTE = 6;
/** The most that a number becomes that is no small integer; each takes at least two bytes. */
const NUMBER_LENGTH = 32;
/** A buffer for more is not kept. */
const MAX_KEPT = 1_048_576;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const SPACE = 0x20;
/** Strings up to this length are copied byte by byte. */
const SHORT = 32;

const NULL = Buffer.from('null');
const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
/** What each byte below a space is written as. */
const CONTROLS = Array.from({ length: SPACE }, (_, code) =>
  Buffer.from(JSON.stringify(String.fromCharCode(code)).slice(1, -1)),
);

let kept = Buffer.allocUnsafe(0);

class Printer {
  at: number;
  length = 0;
  readonly bytes: Buffer;
  readonly out: Buffer;

  constructor(bytes: Buffer, at: number, out: Buffer) {
    this.bytes = bytes;
    this.at = at;
    this.out = out;
  }

  value(): void {
    const tag = this.bytes[this.at] as number;
    this.at += 1;
    if (tag <= 0x7f) return this.integer(tag);
    if (tag >= 0xe0) return this.integer(tag - 0x100);
    if (tag <= 0x8f) return this.map(tag & 0x0f);
    if (tag <= 0x9f) return this.array(tag & 0x0f);
    if (tag <= 0xbf) return this.text(tag & 0x1f);
    this.tagged(tag);
  }

  tagged(tag: number): void {
    const { bytes } = this;
    switch (tag) {
      case 0xc0:
        return this.word(NULL);
      case 0xc2:
        return this.word(FALSE);
      case 0xc3:
        return this.word(TRUE);
      case 0xca:
        return this.number(bytes.readFloatBE(this.step(4)));
      case 0xcb:
        return this.number(bytes.readDoubleBE(this.step(8)));
      case 0xcc:
        return this.integer(bytes.readUInt8(this.step(1)));
      case 0xcd:
        return this.integer(bytes.readUInt16BE(this.step(2)));
      case 0xce:
        return this.number(bytes.readUInt32BE(this.step(4)));
      case 0xcf:
        return this.number(Number(bytes.readBigUInt64BE(this.step(8))));
      case 0xd0:
        return this.integer(bytes.readInt8(this.step(1)));
      case 0xd1:
        return this.integer(bytes.readInt16BE(this.step(2)));
      case 0xd2:
        return this.number(bytes.readInt32BE(this.step(4)));
      case 0xd3:
        return this.number(Number(bytes.readBigInt64BE(this.step(8))));
      case 0xd9:
        return this.text(bytes.readUInt8(this.step(1)));
      case 0xda:
        return this.text(bytes.readUInt16BE(this.step(2)));
      case 0xdb:
        return this.text(bytes.readUInt32BE(this.step(4)));
      case 0xdc:
        return this.array(bytes.readUInt16BE(this.step(2)));
      case 0xdd:
        return this.array(bytes.readUInt32BE(this.step(4)));
      case 0xde:
        return this.map(bytes.readUInt16BE(this.step(2)));
      default:
        return this.map(bytes.readUInt32BE(this.step(4)));
    }
  }

  /** Moves on and answers where it was. */
  step(count: number): number {
    const at = this.at;
    this.at += count;
    return at;
  }

  put(byte: number): void {
    this.out[this.length] = byte;
    this.length += 1;
  }

  word(word: Uint8Array): void {
    this.out.set(word, this.length);
    this.length += word.length;
  }

  /** One of at most five digits. */
  integer(value: number): void {
    let rest = value;
    if (rest < 0) {
      this.put(0x2d);
      rest = -rest;
    }
    let unit = 1;
    while (unit * 10 <= rest) unit *= 10;
    for (; unit >= 1; unit /= 10) {
      const digit = Math.floor(rest / unit);
      this.put(0x30 + digit);
      rest -= digit * unit;
    }
  }

  number(value: number): void {
    this.length += this.out.write(String(value), this.length, 'latin1');
  }

  text(length: number): void {
    const start = this.step(length);
    this.put(QUOTE);
    if (length <= SHORT) this.characters(start, this.at);
    else this.runs(start, this.at);
    this.put(QUOTE);
  }

  characters(start: number, end: number): void {
    for (let at = start; at < end; at += 1) this.character(this.bytes[at] as number);
  }

  character(byte: number): void {
    if (byte < SPACE) return this.word(CONTROLS[byte] as Buffer);
    if (byte === QUOTE || byte === BACKSLASH) this.put(BACKSLASH);
    this.put(byte);
  }

  /** A long string is mostly copied as it is. */
  runs(start: number, end: number): void {
    let from = start;
    for (let at = start; at < end; at += 1) {
      const byte = this.bytes[at] as number;
      if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) continue;
      this.copy(from, at);
      this.character(byte);
      from = at + 1;
    }
    this.copy(from, end);
  }

  copy(start: number, end: number): void {
    if (end - start <= SHORT) for (let at = start; at < end; at += 1) this.put(this.bytes[at] as number);
    else this.length += this.bytes.copy(this.out, this.length, start, end);
  }

  array(count: number): void {
    this.put(OPEN_BRACKET);
    for (let index = 0; index < count; index += 1) {
      if (index > 0) this.put(COMMA);
      this.value();
    }
    this.put(CLOSE_BRACKET);
  }

  map(count: number): void {
    this.put(OPEN_BRACE);
    for (let index = 0; index < count; index += 1) {
      if (index > 0) this.put(COMMA);
      this.value();
      this.put(COLON);
      this.value();
    }
    this.put(CLOSE_BRACE);
  }
}

/** The JSON text of the value that stands between two places. */
export function jsonText(bytes: Uint8Array, start: number, end: number): string {
  const size = (end - start) * MOST_PER_BYTE + NUMBER_LENGTH;
  const out = size <= kept.length ? kept : Buffer.allocUnsafe(size);
  if (size <= MAX_KEPT) kept = out;
  const printer = new Printer(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), start, out);
  printer.value();
  return out.toString('utf8', 0, printer.length);
}
