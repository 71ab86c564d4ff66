/** Where a client stands in a topic, and the ids of messages. Pure. */
import type { Topic } from './topic.ts';

/** A place in a logged topic: after the message `sequence` of the stream `epoch`. Sequence 0 is before the first. */
export interface Position {
  readonly epoch: string;
  readonly sequence: number;
}

/**
 * One message of a topic, as brokers, router and connections hand it on.
 * `payload` is JSON text: it is validated once at the edge and never parsed again on the way to a JSON client.
 */
export interface Publication {
  readonly topic: Topic;
  /** Opaque message id; empty for ephemeral topics, which have none. */
  readonly id: string;
  /** `null` for ephemeral topics. */
  readonly position: Position | null;
  /** User id of the publisher. */
  readonly from: string;
  /** The `id` of the publisher's frame, by which it knows its own publication. */
  readonly clientId: string | undefined;
  /** W3C traceparent of the publisher. */
  readonly trace: string | undefined;
  readonly payload: string;
  /** Milliseconds since 1970, never running back within a topic. */
  readonly timestamp: number;
  /** Its JSON frame, when it comes from a log that keeps those. It is memory of its own, and stays as it is. */
  readonly frame?: Uint8Array;
}

/** `<milliseconds>-<sequence>-<six characters of the topic's digest>`; see docs/protocol.md, "Positions". */
export function messageId(timestamp: number, sequence: number, digest: string): string {
  return `${timestamp}-${sequence}-${digest}`;
}

const MESSAGE_ID = /^(\d{1,15})-(\d{1,16})-([A-Za-z0-9_-]{6})$/;

/** The milliseconds inside a message id, or `null` when the text is not one. */
export function messageTime(id: string): number | null {
  return messagePlace(id)?.timestamp ?? null;
}

/** The answer to something else in place of a message id. */
export function expectedMessageId(got: string): string {
  return `expected a message id (<milliseconds>-<sequence>-<six characters of the topic's digest>, the id of a publication and of its Ack), got ${JSON.stringify(got.slice(0, 100))}`;
}

/** What a message id says of its message, or `null` when the text is not one. */
export function messagePlace(id: string): { timestamp: number; sequence: number; digest: string } | null {
  const match = MESSAGE_ID.exec(id);
  return match === null ? null : { timestamp: Number(match[1]), sequence: Number(match[2]), digest: match[3] ?? '' };
}
