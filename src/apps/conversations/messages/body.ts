/** What a message may say: every field is looked at, whichever way it came in. */
import { quote } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Settings } from '../settings.ts';

export const TYPES = ['text', 'image', 'file', 'audio', 'video', 'emoji', 'system'] as const;
export type MessageType = (typeof TYPES)[number];

export interface Body {
  readonly type: MessageType;
  readonly content?: string;
  /** Ids or URLs of the sender's uploads. */
  readonly attachments?: readonly string[];
  readonly mentions?: readonly string[];
  /** Sequence of the message that it answers. */
  readonly parent?: number;
  readonly metadata?: Readonly<Record<string, JsonValue>>;
}

export interface BadField {
  readonly field: string;
  readonly problem: string;
}

type Limits = Pick<
  Settings,
  'max_content' | 'max_system_content' | 'max_attachments' | 'max_mentions' | 'max_message_metadata_bytes'
>;
type Given = Readonly<Record<string, unknown>>;

const FIELDS = new Set(['type', 'content', 'attachments', 'mentions', 'parent', 'metadata']);
const MEDIA = new Set<MessageType>(['image', 'file', 'audio', 'video']);
const MAX_NAME = 2_048;
const MAX_EMOJI = 64;
/** As JSON prints what PostgreSQL does not keep: NUL, and halves of characters. */
const UNKEPT = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/;

/** @param given without `type` it is a text */
export function readBody(given: Given, limits: Limits): Body | BadField {
  const extra = Object.keys(given).find((key) => !FIELDS.has(key));
  if (extra !== undefined) return bad(quote(extra), `expected one of ${[...FIELDS].join(', ')}`);
  const type = typeOf(given['type']);
  if (type === null) return bad('type', `expected one of ${TYPES.join(', ')}, got ${quote(given['type'])}`);
  return (
    contentProblem(type, given['content'], limits) ??
    namesProblem('attachments', given['attachments'], limits.max_attachments) ??
    attachmentProblem(type, given['attachments']) ??
    namesProblem('mentions', given['mentions'], limits.max_mentions) ??
    placeProblem('parent', given['parent']) ??
    metadataProblem(given['metadata'], limits.max_message_metadata_bytes) ??
      // Every field has been looked at.
      { ...given, type }
  );
}

export function isBad(read: object): read is BadField {
  return 'problem' in read;
}

/** Of a new text, also of one that is edited. */
export function contentProblem(type: MessageType, content: unknown, limits: Limits): BadField | null {
  if (content === undefined && MEDIA.has(type)) return null;
  if (typeof content !== 'string') return bad('content', `expected a text, got ${kindOf(content)}`);
  if (content.trim() === '') return bad('content', 'expected a text, got an empty one');
  const most = type === 'system' ? limits.max_system_content : type === 'emoji' ? MAX_EMOJI : limits.max_content;
  const length = lengthOf(content, most);
  if (length > most) return bad('content', `expected at most ${most} characters, got ${length}`);
  return UNKEPT.test(JSON.stringify(content)) ? bad('content', 'expected no NUL and no halves of characters') : null;
}

/** A sequence. */
export function placeProblem(field: string, value: unknown): BadField | null {
  if (value === undefined || (Number.isSafeInteger(value) && Number(value) > 0)) return null;
  return bad(field, `expected the sequence of a message, got ${quote(value)}`);
}

export function emojiProblem(value: unknown): BadField | null {
  if (
    typeof value === 'string' &&
    value.trim() !== '' &&
    value.length <= MAX_EMOJI &&
    !UNKEPT.test(JSON.stringify(value))
  )
    return null;
  return bad('emoji', `expected an emoji of at most ${MAX_EMOJI} characters, got ${quote(value)}`);
}

function typeOf(value: unknown = 'text'): MessageType | null {
  return TYPES.find((type) => type === value) ?? null;
}

function namesProblem(field: string, value: unknown, most: number): BadField | null {
  if (value === undefined) return null;
  if (!Array.isArray(value)) return bad(field, `expected a list, got ${kindOf(value)}`);
  if (value.length > most) return bad(field, `expected at most ${most}, got ${value.length}`);
  const at = value.findIndex(
    (name) => typeof name !== 'string' || name === '' || name.length > MAX_NAME || hasUnkept(name),
  );
  return at === -1 ? null : bad(`${field}.${at}`, `expected a text of 1 to ${MAX_NAME} characters`);
}

function attachmentProblem(type: MessageType, value: unknown): BadField | null {
  const count = Array.isArray(value) ? value.length : 0;
  if (MEDIA.has(type) && count === 0) return bad('attachments', `expected an upload for a message of type ${type}`);
  return !MEDIA.has(type) && count > 0 ? bad('attachments', `expected none for a message of type ${type}`) : null;
}

function metadataProblem(value: unknown, most: number): BadField | null {
  if (value === undefined) return null;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return bad('metadata', `expected an object, got ${kindOf(value)}`);
  const text = JSON.stringify(value);
  const bytes = Buffer.byteLength(text);
  if (bytes > most) return bad('metadata', `expected at most ${most} bytes as JSON, got ${bytes}`);
  return UNKEPT.test(text) ? bad('metadata', 'expected no NUL and no halves of characters') : null;
}

function hasUnkept(text: string): boolean {
  return UNKEPT.test(JSON.stringify(text));
}

/** In characters, which are only counted where it may be too long. */
function lengthOf(text: string, most: number): number {
  return text.length <= most ? text.length : Array.from(text).length;
}

function kindOf(value: unknown): string {
  if (value === undefined) return 'nothing';
  return value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value;
}

function bad(field: string, problem: string): BadField {
  return { field, problem };
}
