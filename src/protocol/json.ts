/** The JSON codec. Publication frames are joined from parts around the payload's own text: 26 ns against 620 for printing. */
import { rejected, textOf, type Codec, type Decoded, type Message, type Payload, type SharedDetails } from './codec.ts';
import { refusal } from './errors.ts';
import type { ControlFrame } from './frames.ts';
import { publishes, readMessage } from './guard.ts';
import { readPlainBroadcast } from './json-broadcast.ts';
import { idOfLongJson } from './json-head.ts';
import { findPayload, NOT_JSON } from './json-payload.ts';
import { FRAME_END, publicationText, utf8 } from './json-publication.ts';
import { sliceElements, sliceMember } from './json-slice.ts';
import type { Publication } from './position.ts';
import { loneSurrogateAt, quoted, surrogateProblem } from './text.ts';

const REPLAYED = Buffer.from(',"replayed":true}}');
/** Shorter texts are parsed whole, which takes no longer than a look at them. */
const LARGE = 4_096;
const UNREADABLE = 'something else (check quotes and commas)';
const COMMA = 0x2c;
const OPEN = 0x5b;
const CLOSE = 0x5d;

export const json: Codec = {
  name: 'json',
  index: 0,
  binary: false,

  encode(frame: ControlFrame): Payload {
    return JSON.stringify(frame);
  },

  acknowledgement({ replyTo, status, topic, id, position, recipients }): Payload {
    // Topics, message ids and epochs hold nothing that JSON escapes; what the client chose may.
    const name = replyTo === undefined ? '' : quoted(replyTo);
    // Each part that is joined is an object until the text is written: the usual answer is one template.
    if (name !== '' && topic !== undefined && position !== null)
      return `{"type":"Ack","reply_to":${name},"data":{"message_id":${name},"status":"${status}","topic":"${topic}","id":"${id}","sequence":${position.sequence},"epoch":"${position.epoch}","recipients":${recipients}}}`;
    const head =
      name === '' ? '{"type":"Ack","data":{' : `{"type":"Ack","reply_to":${name},"data":{"message_id":${name},`;
    const subject = topic === undefined ? '' : `"topic":"${topic}",`;
    const place = position === null ? '' : `"id":"${id}","sequence":${position.sequence},"epoch":"${position.epoch}",`;
    return `${head}"status":"${status}",${subject}${place}"recipients":${recipients}}}`;
  },

  share: (details) => ({ count: Object.keys(details).length, payload: JSON.stringify(details).slice(1) }),

  status(status, own, { payload }: SharedDetails): Payload {
    return `{"type":"Status","data":{"status":"${status}","details":${JSON.stringify(own).slice(0, -1)},${payload as string}}}`;
  },

  publication: (publication) => publication.frame ?? publicationText(publication),

  replayed(frame: Uint8Array, replyTo?: string): Uint8Array {
    const tail =
      replyTo === undefined ? REPLAYED : Buffer.from(`,"replayed":true},"reply_to":${JSON.stringify(replyTo)}}`);
    const marked = Buffer.allocUnsafe(frame.byteLength - FRAME_END + tail.byteLength);
    marked.set(frame.subarray(0, frame.byteLength - FRAME_END));
    marked.set(tail, frame.byteLength - FRAME_END);
    return marked;
  },

  history(replyTo, details, messages): Payload {
    const head = JSON.stringify({ type: 'Status', reply_to: replyTo, data: { status: 'history' } });
    return `${head.slice(0, -2)},"details":${pageText(details, messages)}}}`;
  },

  join(frames: readonly Uint8Array[]): Uint8Array {
    let size = 1 + frames.length;
    for (const frame of frames) size += frame.byteLength;
    const joined = Buffer.allocUnsafe(size);
    let at = 0;
    for (const frame of frames) {
      joined[at] = at === 0 ? OPEN : COMMA;
      joined.set(frame, at + 1);
      at += 1 + frame.byteLength;
    }
    joined[at] = CLOSE;
    return joined;
  },

  idOfLong: idOfLongJson,

  decode(message: Message, batching: boolean): Decoded | readonly Decoded[] {
    const text = typeof message === 'string' ? message : textOf(message);
    const plain = readPlainBroadcast(text);
    if (plain !== null) return plain;
    const decoded = text.length < LARGE ? readWhole(text, batching) : readLarge(text, batching);
    return loneSurrogateAt(text) === -1 ? decoded : refuseHalves(decoded, text);
  },
};

function readWhole(text: string, batching: boolean): Decoded | readonly Decoded[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return rejected(refusal('malformed', `expected JSON, got ${describe(error)}`));
  }
  return readMessage(value, batching, (payload) => sliceMember(text, 'data', 'payload') ?? JSON.stringify(payload));
}

/** Parses what stands around the payload: of the payload nothing is used but its text. */
function readLarge(text: string, batching: boolean): Decoded | readonly Decoded[] {
  const found = findPayload(text);
  if (found === NOT_JSON) return rejected(refusal('malformed', `expected JSON, got ${UNREADABLE}`));
  if (found === null) return readWhole(text, batching);
  const { start, end, problem } = found;
  const value: unknown = JSON.parse(`${text.slice(0, start)}0${text.slice(end)}`);
  const frame = readMessage(
    value,
    batching,
    () => text.slice(start, end),
    () => problem,
  );
  return publishes(value) ? frame : readWhole(text, batching);
}

/** Halves of characters have no UTF-8, so MessagePack cannot carry them: the frames of a message that hold one are refused. */
function refuseHalves(decoded: Decoded | readonly Decoded[], text: string): Decoded | readonly Decoded[] {
  if (!isBatch(decoded)) return refuseHalf(decoded, text);
  const texts = sliceElements(text);
  return decoded.map((frame, at) => refuseHalf(frame, texts[at] ?? ''));
}

function refuseHalf(frame: Decoded, text: string): Decoded {
  const problem = frame.type === 'rejected' ? null : surrogateProblem(text);
  const id = frame.id?.isWellFormed() === true ? frame.id : undefined;
  if (problem !== null) return rejected(refusal('invalid_field', `frame: ${problem}`), id);
  return frame.type === 'rejected' ? { ...frame, id } : frame;
}

function isBatch(decoded: Decoded | readonly Decoded[]): decoded is readonly Decoded[] {
  return Array.isArray(decoded);
}

/** A page of publication frames: `details` plus `messages`. */
export function pageText(details: Readonly<Record<string, unknown>>, messages: readonly Publication[]): string {
  const head = JSON.stringify(details).slice(0, -1);
  return `${head}${head === '{' ? '' : ','}"messages":[${messages.map(frameText).join(',')}]}`;
}

function frameText(publication: Publication): string {
  const { frame } = publication;
  return frame === undefined ? publicationText(publication) : utf8(frame);
}

/** The parser's complaint without the input that it quotes: input may hold a token. */
function describe(error: unknown): string {
  const text = error instanceof Error ? error.message : '';
  return text === 'Unexpected end of JSON input' ? 'text that ends too early' : UNREADABLE;
}
