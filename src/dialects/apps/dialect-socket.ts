/** A client of an application's dialect over WebSocket. */
import type { Connection } from '../../connection/connection.ts';
import type { Transport, TransportListener } from '../../connection/transport.ts';
import type { Accepted } from '../../node/admission.ts';
import type { DialectClient, Heard } from '../../node/app-dialect.ts';
import { CLOSE_CODES, type CloseReason } from '../../protocol/close-codes.ts';
import { rejected, type Payload, type RejectedFrame } from '../../protocol/codec.ts';
import { refusal } from '../../protocol/errors.ts';
import type { JsonValue } from '../../protocol/frames.ts';
import { utf8 } from '../../protocol/json-publication.ts';
import { bytesOf, farewell, messagesOf, sendFirst } from './dialect-transport.ts';

export class DialectSocket implements Transport, TransportListener {
  private readonly client: DialectClient;
  private readonly socket: Transport;
  private connection: Connection | null = null;

  constructor(client: DialectClient, socket: Transport) {
    this.client = client;
    this.socket = socket;
  }

  open(admission: Accepted): void {
    const { isGiven = true } = this.client;
    const connection = isGiven ? admission.open(this) : admission.open(this, null);
    this.connection = connection;
    sendFirst(connection, this.client);
  }

  // From the socket

  received(bytes: ArrayBuffer, binary: boolean): void {
    this.connection?.receivedAs(bytes.byteLength, () => this.frameOf(bytes, binary));
  }

  oversized(bytes: ArrayBuffer, binary: boolean): void {
    this.connection?.oversized(bytes, binary);
  }

  pinged(size: number): void {
    this.connection?.pinged(size);
  }

  ponged(): void {
    this.connection?.ponged();
  }

  drained(): void {
    this.connection?.drained();
  }

  closed(code: number, cut?: string): void {
    const { connection } = this;
    this.connection = null;
    connection?.closed(code, cut);
    this.client.ended?.(code);
  }

  // From the connection

  send(payload: Payload): void {
    for (const { json } of messagesOf(this.client, payload)) this.socket.send(JSON.stringify(json), false);
  }

  cork(work: () => void): void {
    this.socket.cork(work);
  }

  address(): string {
    return this.socket.address?.() ?? '';
  }

  buffered(): number {
    return this.socket.buffered();
  }

  ping(): void {
    this.socket.ping();
  }

  close(reason: CloseReason, text: string): void {
    // The normal end is the client's own.
    if (CLOSE_CODES[reason].code !== CLOSE_CODES.normal.code)
      for (const { json } of farewell(this.client, reason, text)) this.socket.send(JSON.stringify(json), false);
    this.socket.close(reason, text);
  }

  terminate(): void {
    this.socket.terminate();
  }

  private frameOf(bytes: ArrayBuffer, binary: boolean): ArrayBuffer | RejectedFrame | null {
    if (binary) return rejected(refusal('malformed', 'expected text'), undefined);
    let message: JsonValue;
    try {
      message = JSON.parse(utf8(new Uint8Array(bytes))) as JsonValue;
    } catch {
      return rejected(refusal('malformed', 'expected a message in JSON'), undefined);
    }
    const heard: Heard = this.client.received?.(message) ?? null;
    if (heard === null) return null;
    return 'frame' in heard ? bytesOf(heard.frame) : rejected(heard.refusal, heard.id);
  }
}
