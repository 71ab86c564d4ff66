/** The id of a MessagePack message that is too long to be read, where it stands in front of everything that is no short text. */
import { isUtf8 } from 'node:buffer';
import { MAX_FRAME_ID_LENGTH } from './limits.ts';

const HEAD_BYTES = 512;
const FIXMAP = 0x80;
const MAP16 = 0xde;
const MAP32 = 0xdf;
const FIXSTR = 0xa0;
const STR8 = 0xd9;

/** @returns `undefined` where it stands elsewhere, or is none */
export function idOfLongMsgpack(message: ArrayBuffer): string | undefined {
  const head = Buffer.from(message, 0, Math.min(HEAD_BYTES, message.byteLength));
  let at = bodyOf(head);
  while (at !== -1) {
    const key = textAt(head, at);
    const value = key === null ? null : textAt(head, key.end);
    if (key === null || value === null) return undefined;
    if (key.text === 'id')
      return value.text.length > 0 && value.text.length <= MAX_FRAME_ID_LENGTH ? value.text : undefined;
    at = value.end;
  }
  return undefined;
}

/** Where the first key of a map stands, or -1. */
function bodyOf(head: Buffer): number {
  const tag = head[0] ?? 0;
  if ((tag & 0xf0) === FIXMAP) return 1;
  if (tag === MAP16) return 3;
  return tag === MAP32 ? 5 : -1;
}

/** A text of at most 255 bytes that is there as a whole. */
function textAt(head: Buffer, at: number): { readonly text: string; readonly end: number } | null {
  const tag = head[at] ?? 0;
  const isFixed = (tag & 0xe0) === FIXSTR;
  if (!isFixed && tag !== STR8) return null;
  const start = isFixed ? at + 1 : at + 2;
  const end = start + (isFixed ? tag & 0x1f : (head[at + 1] ?? 0));
  const bytes = head.subarray(start, end);
  return end > head.byteLength || !isUtf8(bytes) ? null : { text: bytes.toString('utf8'), end };
}
