/** Writes MessagePack by the specification alone, in every width that a value may be written in, and wrongly if asked. */

/** Bytes that stand for themselves in a value given to {@link writeMessagePack}. */
export class Raw {
  readonly bytes: readonly number[];

  constructor(bytes: readonly number[]) {
    this.bytes = bytes;
  }
}

/**
 * @param widths which of the encodings of a value to take, one number per value, again and again from the start;
 *   0 is the shortest
 */
export function writeMessagePack(value: unknown, widths: readonly number[] = [0]): Uint8Array<ArrayBuffer> {
  const out: number[] = [];
  let at = 0;
  const choose = (options: readonly (readonly number[])[]): void => {
    const width = widths[at % widths.length] ?? 0;
    at += 1;
    out.push(...(options[width % options.length] ?? []));
  };
  const write = (item: unknown): void => {
    if (item instanceof Raw) for (const byte of item.bytes) out.push(byte);
    else if (item === null) out.push(0xc0);
    else if (typeof item === 'boolean') out.push(item ? 0xc3 : 0xc2);
    else if (typeof item === 'number') choose(numbers(item));
    else if (typeof item === 'string') {
      const bytes = Buffer.from(item, 'utf8');
      choose(lengths(bytes.length, [0xa0, 32], [0xd9, 0xda, 0xdb]));
      for (const byte of bytes) out.push(byte);
    } else if (Array.isArray(item)) {
      choose(lengths(item.length, [0x90, 16], [null, 0xdc, 0xdd]));
      for (const element of item) write(element);
    } else {
      const members = item instanceof Map ? [...item] : Object.entries(item as Record<string, unknown>);
      choose(lengths(members.length, [0x80, 16], [null, 0xde, 0xdf]));
      for (const [key, member] of members) {
        write(key);
        write(member);
      }
    }
  };
  write(value);
  return Uint8Array.from(out);
}

/** A signed or unsigned integer of 64 bits. */
export function int64(tag: 0xcf | 0xd3, value: bigint): Raw {
  return new Raw([tag, ...big(BigInt.asUintN(64, value), 8)]);
}

export function float64(value: number): Raw {
  return new Raw([0xcb, ...double(value)]);
}

export function float32(value: number): Raw {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatBE(value);
  return new Raw([0xca, ...bytes]);
}

function numbers(value: number): number[][] {
  const float = [0xcb, ...double(value)];
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    return Math.fround(value) === value ? [float, [...float32(value).bytes]] : [float];
  }
  const options: number[][] = [];
  if (value >= -32 && value <= 127) options.push([value & 0xff]);
  for (const [tag, bits, signed] of INTEGERS) {
    const min = signed ? -(2 ** (bits - 1)) : 0;
    const max = signed ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
    if (value >= min && value <= max) options.push([tag, ...big(BigInt.asUintN(bits, BigInt(value)), bits / 8)]);
  }
  return [...options, float];
}

const INTEGERS = [
  [0xcc, 8, false],
  [0xcd, 16, false],
  [0xce, 32, false],
  [0xcf, 64, false],
  [0xd0, 8, true],
  [0xd1, 16, true],
  [0xd2, 32, true],
  [0xd3, 64, true],
] as const;

function lengths(length: number, [fix, limit]: [number, number], tags: readonly (number | null)[]): number[][] {
  const options: number[][] = length < limit ? [[fix | length]] : [];
  for (const [index, tag] of tags.entries()) {
    const size = 2 ** index;
    if (tag !== null && length < 2 ** (size * 8)) options.push([tag, ...big(BigInt(length), size)]);
  }
  return options;
}

function double(value: number): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return [...bytes];
}

function big(value: bigint, size: number): number[] {
  return Array.from({ length: size }, (_, index) => Number((value >> BigInt(8 * (size - 1 - index))) & 0xffn));
}
