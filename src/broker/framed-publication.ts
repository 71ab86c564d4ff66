/** A publication out of a log that keeps JSON frames: sent as it is, and taken apart only for a reader that asks for its parts. */
import { readPublication, type FrameContent } from '../protocol/json-publication.ts';
import { messageId, type Position, type Publication } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';

export class FramedPublication implements Publication {
  readonly topic: Topic;
  readonly position: Position;
  readonly timestamp: number;
  readonly frame: Uint8Array;
  private readonly digest: string;
  private content: FrameContent | null = null;

  /** @param digest six characters of the topic's digest */
  constructor(topic: Topic, digest: string, position: Position, timestamp: number, frame: Uint8Array) {
    this.topic = topic;
    this.digest = digest;
    this.position = position;
    this.timestamp = timestamp;
    this.frame = frame;
  }

  get id(): string {
    return messageId(this.timestamp, this.position.sequence, this.digest);
  }

  get from(): string {
    return this.parts.from;
  }

  get clientId(): string | undefined {
    return this.parts.clientId;
  }

  get trace(): string | undefined {
    return this.parts.trace;
  }

  get payload(): string {
    return this.parts.payload;
  }

  private get parts(): FrameContent {
    return (this.content ??= readPublication(this.frame));
  }
}
