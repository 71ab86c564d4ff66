/** How a client's message becomes frames for its actor: counted, charged for, given its turn, read. Messages that cannot be read are answered here. */
import type { Decoded, Message, RejectedFrame } from '../protocol/codec.ts';
import { codecOfKind } from '../protocol/codecs.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import { chargeFrame, chargeUnread, LEFT_UNREAD } from './charges.ts';
import type { Connection } from './connection.ts';
import { noteReceived } from './frame-log.ts';
import { ReadingTurns } from './reading-turns.ts';
import { errorFrame } from './replies.ts';
import { hogsTurn } from './turn-guard.ts';

export function receive(connection: Connection, bytes: ArrayBuffer, binary: boolean): void {
  if (mayRead(connection, bytes.byteLength)) take(connection, bytes, binary);
}

/**
 * Like {@link receive}, for a message that its dialect makes a frame of.
 * @param make called when the message may be read: its bytes as a frame, why there is none, or nothing to be answered
 */
export function receiveAs(connection: Connection, size: number, make: () => ArrayBuffer | RejectedFrame | null): void {
  if (!mayRead(connection, size)) return;
  const made = make();
  if (made === null) return;
  if ('type' in made) accept(connection, made, size);
  else take(connection, made, false);
}

/** Reads what {@link receive} has taken, at once or in a later turn. */
export function read(connection: Connection, message: Message, binary: boolean, size: number): void {
  const { codec, context } = connection;
  const decoded = (binary === codec.binary ? codec : codecOfKind(binary)).decode(message, connection.batching);
  if (!isBatch(decoded)) return accept(connection, decoded, size);
  context.flusher.corked = null;
  for (const [at, frame] of decoded.entries())
    if (at === 0 || !hogsTurn(connection)) accept(connection, frame, size / decoded.length);
}

/** A message that is longer than any may be. */
export function refuseOversized(connection: Connection, bytes: ArrayBuffer, binary: boolean): void {
  const size = bytes.byteLength;
  if (!connection.isOpen || hogsTurn(connection, size)) return;
  const { counters, limits } = connection.context;
  connection.seen();
  counters.received.add('invalid', connection.codec.index);
  const message = `expected at most ${limits.maxMessageSize} bytes (websocket.max_message_size), got ${size}`;
  reject(connection, refusal('payload_too_large', message), codecOfKind(binary).idOfLong(bytes));
}

/** Counts a message, and charges for reading it. A message that may not be read is answered here. */
function mayRead(connection: Connection, size: number): boolean {
  if (!connection.isOpen) return false;
  const { counters } = connection.context;
  connection.seen();
  counters.receivedBytes += size;
  if (hogsTurn(connection, size)) return false;
  const unread = chargeUnread(connection, size);
  if (unread === null) return true;
  counters.received.add('invalid', connection.codec.index);
  if (unread !== LEFT_UNREAD) reject(connection, unread, undefined);
  return false;
}

function take(connection: Connection, bytes: ArrayBuffer, binary: boolean): void {
  const { readingTurns, turnGuard, flusher } = connection.context;
  flusher.corked = turnGuard.framesOf(connection) === 1 ? connection : null;
  if (ReadingTurns.bounds(connection)) readingTurns.take(connection, bytes, binary);
  else read(connection, bytes, binary, bytes.byteLength);
  flusher.corked = null;
}

function accept(connection: Connection, frame: Decoded, size: number): void {
  if (!connection.isOpen) return;
  const { codec, context } = connection;
  const { counters, router } = context;
  if (frame.type === 'rejected') {
    counters.received.add('invalid', codec.index);
    noteReceived(connection, 'invalid', frame.id, size);
    const over = chargeFrame(connection, 1);
    reject(connection, over ?? frame.refusal, frame.id);
    return;
  }
  counters.received.add(frame.type.startsWith('X-') ? 'X-' : frame.type, codec.index);
  noteReceived(connection, frame.type, frame.id, size);
  if (router.tracing.isOn) router.tracing.arrived(frame);
  const taken = connection.cell.tell(frame, size);
  if (!taken && connection.isOpen)
    connection.refuse(frame, refusal('inbound_full', 'expected fewer frames before earlier ones are answered', 1_000));
}

function reject(connection: Connection, refused: Refusal, id: string | undefined): void {
  connection.noteError(refused, null);
  connection.send({ type: 'Error', reply_to: id, data: errorFrame(refused).data });
  connection.strike(refused);
}

function isBatch(decoded: Decoded | readonly Decoded[]): decoded is readonly Decoded[] {
  return Array.isArray(decoded);
}
