/**
 * Why the socket library cut a client off. It sends no close frame then and gives 1006 for everything, to both sides; but it
 * says the reason in words, and of the codes of RFC 6455 the books of the server can have the right one.
 */

/** By what its words begin with; words of a newer version that are not here stay 1006. */
const REASONS: readonly (readonly [string, number])[] = [
  ['Received too big message', 1009],
  ['Received invalid UTF-8', 1007],
  ['Received invalid WebSocket frame', 1002],
];
const ABNORMAL = 1006;

export interface Cut {
  readonly code: number;
  /** In the library's words. */
  readonly reason: string;
}

/** @returns `null` for every other end. */
export function cutOf(code: number, message: ArrayBuffer): Cut | null {
  if (code !== ABNORMAL || message.byteLength === 0) return null;
  const reason = Buffer.from(message).toString('latin1');
  const found = REASONS.find(([words]) => reason.startsWith(words));
  return found === undefined ? null : { code: found[1], reason };
}
