/** How one server is spoken to: an adapter per wire, so that the same generator drives all of them. */
import type { LeanSocket, LeanSocketOptions } from '../../src/load/lean-socket.ts';
import type { Client } from './client.ts';

export type Message = string | Uint8Array;

export interface Wire {
  readonly name: string;
  /** Sends binary frames. */
  readonly binary: boolean;
  /** Path with query. Some wires name the topic here. */
  path(topic: string, role: Role, token: string): string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Said first, as soon as the socket is open; nothing when the server speaks first. */
  hello?(client: Client): void;
  /** Asks for the subscription; the wire calls {@link Client.subscribed} when it is confirmed. */
  subscribe(client: Client, topic: string): void;
  /** How it is connected to, where that is not a WebSocket for every role. */
  open?(options: LeanSocketOptions): Promise<Pick<LeanSocket, 'pause' | 'resume' | 'destroy'>>;
  /** A message that publishes this text (no character of it needs escaping). */
  publish(topic: string, payload: string): Message;
  /** A message that is answered (W4): a publish with acknowledgement, or an echo. */
  request(topic: string, payload: string): Message;
  /** A message that publishes this text to everybody, its sender included, and is answered (W7). */
  acknowledged(client: Client, topic: string, payload: string): Message;
  /** Reads one WebSocket message and tells the client what is in it. */
  read(client: Client, bytes: Buffer, start: number, end: number): void;
}

export type Role = 'subscriber' | 'publisher' | 'requester';
