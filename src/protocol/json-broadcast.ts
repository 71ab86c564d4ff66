/**
 * Reads the one frame that comes most often, a `Broadcast` as every JSON library prints it, without parsing all of it:
 * `{"type":"Broadcast","id":"…","data":{"topic":"…","payload":…}}`. Whatever looks different in any way is left to the
 * general reader. It is exact and no approximation: the text around the payload is compared character by character, and
 * the payload is a JSON value of its own, so together they are the frame that a parser would read.
 */
import { rejected, type Decoded } from './codec.ts';
import { refusal } from './errors.ts';
import { scanValue, takeProblem } from './json-scan.ts';
import { MAX_FRAME_ID_LENGTH } from './limits.ts';
import { loneSurrogateAt } from './text.ts';

const HEAD = '{"type":"Broadcast",';
const ID = '"id":"';
const DATA = '"data":{"topic":"';
const PAYLOAD = '","payload":';
/** The two braces that close `data` and the frame. */
const TAIL = 2;
/** What a JSON string may hold as it is. One run of the engine's own matcher is faster than any loop over characters. */
const UNESCAPED = /[ -[\]-\uffff]*/y;
const QUOTE = 0x22;
const COMMA = 0x2c;
const CLOSE_BRACE = 0x7d;
/** Levels of nesting around a payload. */
const DEPTH = 2;

/** @returns the frame, or why it is refused, or `null` when the text is not of this shape */
export function readPlainBroadcast(text: string): Decoded | null {
  if (!text.startsWith(HEAD)) return null;
  let at = HEAD.length;
  let id: string | undefined;
  if (text.startsWith(ID, at)) {
    const end = text.indexOf('"', at + ID.length);
    if (end === -1 || text.charCodeAt(end + 1) !== COMMA) return null;
    id = text.slice(at + ID.length, end);
    if (id.length === 0 || id.length > MAX_FRAME_ID_LENGTH) return null;
    at = end + 2;
  }
  if (!text.startsWith(DATA, at)) return null;
  const topicEnd = text.indexOf('"', at + DATA.length);
  if (topicEnd === -1 || !text.startsWith(PAYLOAD, topicEnd)) return null;
  const start = topicEnd + PAYLOAD.length;
  const end = text.length - TAIL;
  if (end <= start || text.charCodeAt(end) !== CLOSE_BRACE || text.charCodeAt(end + 1) !== CLOSE_BRACE) return null;
  UNESCAPED.lastIndex = HEAD.length;
  UNESCAPED.test(text);
  const unescaped = UNESCAPED.lastIndex;
  // Something in the id or the topic would need to be interpreted first.
  if (unescaped < start) return null;
  const topic = text.slice(at + DATA.length, topicEnd);
  const payload = text.slice(start, end);
  const isPlainString =
    unescaped >= end && text.charCodeAt(start) === QUOTE && text.indexOf('"', start + 1) === end - 1;
  if (!isPlainString) {
    // Half a character is for the general reader to refuse. Without a backslash there is none.
    if (unescaped < end && loneSurrogateAt(payload) !== -1) return null;
    takeProblem();
    if (scanValue(text, start, DEPTH) !== end) return null;
    const problem = takeProblem();
    if (problem !== null) return rejected(refusal('invalid_field', problem), id);
  }
  return { type: 'Broadcast', id, trace: undefined, topic, payload, idempotencyKey: undefined };
}
