/** What a client of an application's dialect is sent, whatever carries it: frames become messages, and messages become frames. */
import type { Connection } from '../../connection/connection.ts';
import type { DialectClient, DialectFrame, DialectMessage, ServerFrame } from '../../node/app-dialect.ts';
import { CLOSE_CODES, type CloseReason } from '../../protocol/close-codes.ts';
import type { Payload } from '../../protocol/codec.ts';
import { utf8 } from '../../protocol/json-publication.ts';

/** From here on a close code tells the client to come back. */
const TEMPORARY = 4_100;

const encoder = new TextEncoder();

export function messagesOf(client: DialectClient, payload: Payload): readonly DialectMessage[] {
  const text = typeof payload === 'string' ? payload : utf8(payload);
  return client.told(JSON.parse(text) as ServerFrame);
}

/** What a client is told when its connection is closed. */
export function farewell(client: DialectClient, reason: CloseReason, message: string): readonly DialectMessage[] {
  const { code } = CLOSE_CODES[reason];
  return client.told({ type: 'Error', data: { code, reason, message, temporary: code >= TEMPORARY } });
}

export function bytesOf({ type, id, data }: DialectFrame): ArrayBuffer {
  return encoder.encode(JSON.stringify({ type, id, data })).buffer;
}

/** Frames in the client's name, before any of its own. */
export function sendFirst(connection: Connection, { first = [] }: DialectClient): void {
  for (const frame of first) connection.received(bytesOf(frame), false);
}
