/** JSON values as MessagePack. */

const FIXED_STRING = 0xa0;
const FIXED_ARRAY = 0x90;
const FIXED_MAP = 0x80;
/** The server cannot say to which frame it answers when it cannot read one: what it would not read is not written. */
const MAX_DEPTH = 32;

/** @throws TypeError for what is no JSON value */
export function encode(value: unknown): Uint8Array<ArrayBuffer> {
  const writer = new Writer();
  writer.value(value, 0);
  return writer.bytes();
}

class Writer {
  private buffer = new Uint8Array(256);
  private view = new DataView(this.buffer.buffer);
  private length = 0;
  private readonly texts = new TextEncoder();

  bytes(): Uint8Array<ArrayBuffer> {
    return this.buffer.slice(0, this.length);
  }

  value(value: unknown, depth: number): void {
    if (value === null) this.byte(0xc0);
    else if (typeof value === 'boolean') this.byte(value ? 0xc3 : 0xc2);
    else if (typeof value === 'number') this.number(value);
    else if (typeof value === 'string') this.text(value);
    else if (Array.isArray(value)) {
      this.head(value.length, FIXED_ARRAY, 16, 0xdc);
      this.deeper(depth);
      for (const item of value) this.value(item, depth + 1);
    } else if (typeof value === 'object') this.map(value, depth);
    else throw new TypeError(`expected a JSON value, got ${typeof value}`);
  }

  private deeper(depth: number): void {
    if (depth >= MAX_DEPTH) throw new TypeError(`expected at most ${MAX_DEPTH} levels of nesting`);
  }

  private map(value: object, depth: number): void {
    this.deeper(depth);
    // As in JSON: what is undefined is not there.
    const entries = Object.entries(value).filter(([, member]) => member !== undefined);
    this.head(entries.length, FIXED_MAP, 16, 0xde);
    for (const [key, member] of entries) {
      if (key === '__proto__') throw new TypeError('expected no key __proto__');
      this.text(key);
      this.value(member, depth + 1);
    }
  }

  private number(value: number): void {
    if (!Number.isFinite(value)) throw new TypeError(`expected a finite number, got ${value}`);
    // Larger integers are written as a double holds them, like in JSON: readers make their wide integers something else.
    const isSmall = Number.isInteger(value) && !Object.is(value, -0) && value <= 0xffff_ffff && value >= -0x8000_0000;
    if (!isSmall) this.float(value);
    else if (value < 0) this.negative(value);
    else if (value < 0x80) this.byte(value);
    else if (value <= 0xff) {
      this.byte(0xcc);
      this.byte(value);
    } else if (value <= 0xffff) this.sized(0xcd, value, 2);
    else this.sized(0xce, value, 4);
  }

  private negative(value: number): void {
    if (value >= -0x20) return this.byte(value & 0xff);
    this.byte(0xd2);
    const at = this.take(4);
    this.view.setInt32(at, value);
  }

  private float(value: number): void {
    this.byte(0xcb);
    const at = this.take(8);
    this.view.setFloat64(at, value);
  }

  private text(text: string): void {
    const bytes = this.texts.encode(text);
    const { length } = bytes;
    if (length !== text.length && /[\ud800-\udfff]/u.test(text))
      throw new TypeError('expected whole characters, got half of one');
    if (length < 32) this.byte(FIXED_STRING | length);
    else if (length <= 0xff) {
      this.byte(0xd9);
      this.byte(length);
    } else if (length <= 0xffff) this.sized(0xda, length, 2);
    else this.sized(0xdb, length, 4);
    const at = this.take(length);
    this.buffer.set(bytes, at);
  }

  private head(count: number, fixed: number, below: number, wide: number): void {
    if (count < below) this.byte(fixed | count);
    else if (count <= 0xffff) this.sized(wide, count, 2);
    else this.sized(wide + 1, count, 4);
  }

  private sized(type: number, value: number, bytes: 2 | 4): void {
    this.byte(type);
    const at = this.take(bytes);
    if (bytes === 2) this.view.setUint16(at, value);
    else this.view.setUint32(at, value);
  }

  private byte(value: number): void {
    const at = this.take(1);
    this.buffer[at] = value;
  }

  /** Room for so many bytes. @returns where it begins */
  private take(bytes: number): number {
    const at = this.length;
    this.length += bytes;
    if (this.length > this.buffer.length) {
      const larger = new Uint8Array(Math.max(this.length, this.buffer.length * 2));
      larger.set(this.buffer);
      this.buffer = larger;
      this.view = new DataView(larger.buffer);
    }
    return at;
  }
}
