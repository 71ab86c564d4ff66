import { MAX_DEPTH } from './limits.ts';

/** What makes a value unfit as a payload, in words for an error message. */
export const PAYLOAD_PROBLEMS = {
  infinite: 'data: expected finite numbers, got one beyond the range of a double',
  deep: `data: expected at most ${MAX_DEPTH} levels of nesting`,
  /** Several readers of MessagePack and JSON turn it into a prototype. */
  proto: 'data: the key "__proto__" is not allowed',
} as const;
