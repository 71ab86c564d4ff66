/**
 * The publisher's sequence and the intended time of sending inside a payload, as text of fixed width: read from a frame
 * without parsing it, the same for every server. Base 32 from `0` to `O`: no character that JSON would escape.
 */

const SEQUENCE_CHARS = 5;
const TIME_CHARS = 7;
const ZERO = 0x30;
const STAMP_BYTES = SEQUENCE_CHARS + TIME_CHARS;

/** What stands in a template until {@link writeStamp}: a text that nothing else contains. */
export const STAMP_MARK = 'ZYZYZYZYZYZY';

/** A payload of so many bytes, quotes included when it is written as JSON text. */
export function payloadText(bytes: number): string {
  return STAMP_MARK + 'x'.repeat(Math.max(0, bytes - 2 - STAMP_BYTES));
}

/** @param sequence 1 to 2^25 @param micros microseconds of {@link microseconds} */
export function writeStamp(bytes: Uint8Array, at: number, sequence: number, micros: number): void {
  writeBase32(bytes, at, SEQUENCE_CHARS, sequence);
  writeBase32(bytes, at + SEQUENCE_CHARS, TIME_CHARS, micros);
}

export function readSequence(bytes: Uint8Array, at: number): number {
  return (
    (((bytes[at] as number) - ZERO) << 20) |
    (((bytes[at + 1] as number) - ZERO) << 15) |
    (((bytes[at + 2] as number) - ZERO) << 10) |
    (((bytes[at + 3] as number) - ZERO) << 5) |
    ((bytes[at + 4] as number) - ZERO)
  );
}

/** The intended time of sending, in microseconds of {@link microseconds}. */
export function readMicros(bytes: Uint8Array, at: number): number {
  let value = 0;
  for (let index = at + SEQUENCE_CHARS; index < at + STAMP_BYTES; index += 1)
    value = value * 32 + ((bytes[index] as number) - ZERO);
  return value;
}

/** Microseconds since this process started. */
export function microseconds(): number {
  return Math.round(performance.now() * 1_000);
}

function writeBase32(bytes: Uint8Array, at: number, width: number, value: number): void {
  let rest = value;
  for (let index = at + width - 1; index >= at; index -= 1) {
    bytes[index] = ZERO + (rest % 32);
    rest = Math.floor(rest / 32);
  }
}
