/** Payloads of messages, as they are stored and as they are published. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { Attachment } from './ports.ts';
import type { MessageType } from './body.ts';

/** Without `n`, which the table has in a column. */
export interface MessagePayload {
  readonly event: 'message';
  readonly type: MessageType;
  readonly content?: string;
  readonly attachments?: readonly Attachment[];
  readonly mentions?: readonly string[];
  /** Sequences. */
  readonly parent?: number;
  readonly thread?: number;
  readonly metadata?: Readonly<Record<string, JsonValue>>;
  /** What the product calls the sender: customer, artist. */
  readonly label?: string;
  readonly edited?: true;
  readonly deleted?: true;
}

/** What was published, and is published again from the table: to the letter the same. @param n `null` for what is no message */
export function published(payload: string, n: number | null): JsonValue {
  const value = JSON.parse(payload) as Readonly<Record<string, JsonValue>>;
  return n === null ? value : { ...value, n };
}

export function readMessage(payload: string): MessagePayload {
  return JSON.parse(payload) as MessagePayload;
}

export function messageIdOf(conversation: string, sequence: number): string {
  return `${conversation}.${sequence}`;
}
