/** MessagePack as JSON values. Written out by hand: nothing is compiled at run time, so that a strict CSP has nothing to say. */

/** The server lets data be 32 levels deep. A page of history has such a frame in a frame, and both may be in a batch. */
const MAX_DEPTH = 64;

/** @throws Error for what is no JSON value, or more or less than one */
export function decode(data: ArrayBuffer | Uint8Array): unknown {
  const reader = new Reader(data instanceof Uint8Array ? data : new Uint8Array(data));
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly texts = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  end(): void {
    if (this.at !== this.bytes.length)
      throw new Error(`expected one value, got ${this.bytes.length - this.at} more bytes`);
  }

  value(depth: number): unknown {
    if (depth > MAX_DEPTH) throw new Error(`expected at most ${MAX_DEPTH} levels`);
    const type = this.unsigned(1);
    if (type < 0x80) return type;
    if (type >= 0xe0) return type - 0x100;
    if (type < 0x90) return this.map(type & 0x0f, depth);
    if (type < 0xa0) return this.array(type & 0x0f, depth);
    if (type < 0xc0) return this.text(type & 0x1f);
    return this.other(type, depth);
  }

  private other(type: number, depth: number): unknown {
    switch (type) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xca:
        return this.view.getFloat32(this.take(4));
      case 0xcb:
        return this.view.getFloat64(this.take(8));
      case 0xcc:
        return this.unsigned(1);
      case 0xcd:
        return this.unsigned(2);
      case 0xce:
        return this.unsigned(4);
      case 0xcf:
        return this.safe(this.view.getBigUint64(this.take(8)));
      case 0xd0:
        return this.view.getInt8(this.take(1));
      case 0xd1:
        return this.view.getInt16(this.take(2));
      case 0xd2:
        return this.view.getInt32(this.take(4));
      case 0xd3:
        return this.safe(this.view.getBigInt64(this.take(8)));
      case 0xd9:
        return this.text(this.unsigned(1));
      case 0xda:
        return this.text(this.unsigned(2));
      case 0xdb:
        return this.text(this.unsigned(4));
      case 0xdc:
        return this.array(this.unsigned(2), depth);
      case 0xdd:
        return this.array(this.unsigned(4), depth);
      case 0xde:
        return this.map(this.unsigned(2), depth);
      case 0xdf:
        return this.map(this.unsigned(4), depth);
      default:
        throw new Error(`expected a JSON value, got the type 0x${type.toString(16)}`);
    }
  }

  /** An integer that a number would change is refused rather than changed. */
  private safe(value: bigint): number {
    const number = Number(value);
    if (!Number.isSafeInteger(number)) throw new Error(`expected an integer below 2^53, got ${value}`);
    return number;
  }

  private array(count: number, depth: number): unknown[] {
    const items: unknown[] = [];
    for (let at = 0; at < count; at += 1) items.push(this.value(depth + 1));
    return items;
  }

  private map(count: number, depth: number): Record<string, unknown> {
    const map: Record<string, unknown> = {};
    for (let at = 0; at < count; at += 1) {
      const key = this.value(depth + 1);
      if (typeof key !== 'string' || key === '__proto__')
        throw new Error('expected a text as key, other than __proto__');
      map[key] = this.value(depth + 1);
    }
    return map;
  }

  private text(length: number): string {
    const at = this.take(length);
    return this.texts.decode(this.bytes.subarray(at, at + length));
  }

  private unsigned(bytes: 1 | 2 | 4): number {
    const at = this.take(bytes);
    if (bytes === 1) return this.view.getUint8(at);
    return bytes === 2 ? this.view.getUint16(at) : this.view.getUint32(at);
  }

  private take(bytes: number): number {
    const { at } = this;
    if (bytes > this.bytes.length - at) throw new Error('the message ends in the middle of a value');
    this.at += bytes;
    return at;
  }
}
