/** Text of any characters. fast-check's own unit `binary` is the same, but takes 0.8 s to begin in every test file. */
import * as fc from 'fast-check';

const SURROGATES = 0xd800;
const SURROGATE_COUNT = 0x800;

/** Any character, often of ASCII; never half of one. */
export const characters: fc.Arbitrary<string> = fc
  .oneof({ weight: 3, arbitrary: fc.nat(0x7f) }, { weight: 2, arbitrary: fc.nat(0x10_ffff - SURROGATE_COUNT) })
  .map((code) => String.fromCodePoint(code < SURROGATES ? code : code + SURROGATE_COUNT));
