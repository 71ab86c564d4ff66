/** A publication as a JSON frame: how it is printed, and how logs that keep it as that read it again. */
import { stringEnd } from './json-slice.ts';
import type { Publication } from './position.ts';
import { quoted } from './text.ts';
import { isDirectTopic, wireName } from './topic.ts';

/** What only the frame says: the rest is known to who keeps it. */
export type FrameContent = Pick<Publication, 'from' | 'clientId' | 'trace' | 'payload'>;

const TIMESTAMP = '"timestamp":';
const TRACE = '"trace":';
const DATA = '"data":{';
const TOPIC = '"topic":"';
const SEQUENCE = '"sequence":';
const EPOCH = '"epoch":"';
const CLIENT_ID = '"client_id":';
const PAYLOAD = '"payload":';
/** The two braces that end every publication frame: `data` is its last member and holds no other object after the payload. */
export const FRAME_END = 2;

/**
 * The message id comes first, so the sequence inside it stands at a constant offset and can be checked without parsing;
 * `data` and in it `payload` are last, so that marks of a replay can be added at the end.
 */
export function publicationText(publication: Publication): string {
  const { topic, position, id, timestamp, payload } = publication;
  const client = publication.clientId === undefined ? '' : `"client_id":${quoted(publication.clientId)},`;
  const trace = publication.trace === undefined ? '' : `"trace":${JSON.stringify(publication.trace)},`;
  const from = quoted(publication.from);
  const direct = isDirectTopic(topic);
  // Each part that is joined is an object until the text is written, so the frame of nearly all publications is one template.
  if (position !== null && !direct)
    return `{"type":"Broadcast","id":"${id}","timestamp":${timestamp},${trace}"data":{"topic":"${wireName(topic)}","sequence":${position.sequence},"epoch":"${position.epoch}","from":${from},${client}"payload":${payload}}}`;
  const place = position === null ? '' : `"sequence":${position.sequence},"epoch":"${position.epoch}",`;
  const head = direct ? `${place}"from_user"` : `"topic":"${wireName(topic)}","from"`;
  const type = direct ? 'DirectMessage' : 'Broadcast';
  const identity = id === '' ? '' : `"id":"${id}",`;
  return `{"type":"${type}",${identity}"timestamp":${timestamp},${trace}"data":{${head}:${from},${client}"payload":${payload}}}`;
}

/** Reads what {@link publicationText} printed, and nothing else: it relies on the order of the members. */
export function readPublication(frame: Uint8Array): FrameContent {
  const text = utf8(frame);
  let at = text.indexOf(',', text.indexOf(TIMESTAMP)) + 1;
  let trace: string | undefined;
  if (text.startsWith(TRACE, at)) {
    const end = stringEnd(text, at + TRACE.length);
    trace = unquote(text.slice(at + TRACE.length, end));
    at = end + 1;
  }
  at += DATA.length;
  // Topics and epochs hold nothing that is escaped.
  if (text.startsWith(TOPIC, at)) at = text.indexOf('"', at + TOPIC.length) + 2;
  if (text.startsWith(SEQUENCE, at)) {
    at = text.indexOf(',', at) + 1;
    at = text.indexOf('"', at + EPOCH.length) + 2;
  }
  const fromAt = text.indexOf(':', at) + 1;
  const fromEnd = stringEnd(text, fromAt);
  const from = unquote(text.slice(fromAt, fromEnd));
  at = fromEnd + 1;
  let clientId: string | undefined;
  if (text.startsWith(CLIENT_ID, at)) {
    const end = stringEnd(text, at + CLIENT_ID.length);
    clientId = unquote(text.slice(at + CLIENT_ID.length, end));
    at = end + 1;
  }
  return { from, clientId, trace, payload: text.slice(at + PAYLOAD.length, -FRAME_END) };
}

/** Bytes of UTF-8 as text. */
export function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function unquote(literal: string): string {
  return literal.includes('\\') ? (JSON.parse(literal) as string) : literal.slice(1, -1);
}
