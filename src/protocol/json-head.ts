/** The id of a JSON message that is too long to be read: looked for at its beginning and at its end, a few hundred bytes. */
import { MAX_FRAME_ID_LENGTH } from './limits.ts';

const HEAD_BYTES = 512;
const TAIL_BYTES = 256;
const OPEN = /\s*\{/y;
/** A member whose value is a text without escapes, as those before `data` are. */
const MEMBER = /\s*"(type|id|trace)"\s*:\s*"([^"\\]*)"\s*,/y;
/** The last brace closes the frame itself, so that a member in front of it is one of the frame. */
const LAST = /,\s*"id"\s*:\s*"([^"\\]*)"\s*\}\s*$/;

/** @returns `undefined` where it stands elsewhere, or is none */
export function idOfLongJson(message: ArrayBuffer): string | undefined {
  const head = Buffer.from(message, 0, Math.min(HEAD_BYTES, message.byteLength)).toString('utf8');
  OPEN.lastIndex = 0;
  if (!OPEN.test(head)) return undefined;
  MEMBER.lastIndex = OPEN.lastIndex;
  for (let member = MEMBER.exec(head); member !== null; member = MEMBER.exec(head))
    if (member[1] === 'id') return usable(member[2]);
  const tail = Buffer.from(message, Math.max(0, message.byteLength - TAIL_BYTES)).toString('utf8');
  return usable(LAST.exec(tail)?.[1]);
}

/** Of the length that ids have, and of whole characters: a text that was cut in one has a U+FFFD there. */
function usable(id: string | undefined): string | undefined {
  if (id === undefined || id.length === 0 || id.length > MAX_FRAME_ID_LENGTH || id.includes('\u{fffd}'))
    return undefined;
  return id;
}
