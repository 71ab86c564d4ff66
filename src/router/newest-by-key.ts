/**
 * What a slow reader of a conflated topic is given in place of its queue: the newest publication of each key, in their
 * order. The key is a field of the payload; a publication without one counts as the newest of a key of its own.
 */
import type { Codec } from '../protocol/codec.ts';
import { CODECS } from '../protocol/codecs.ts';
import { sliceField } from '../protocol/json-slice.ts';
import type { Publication } from '../protocol/position.ts';
import type { Topic } from '../protocol/topic.ts';

export interface Conflation {
  /** The field of payloads that is the key, for topics that are conflated. */
  readonly keyOf: (topic: Topic) => string | undefined;
  readonly limits: ConflationLimits;
}

export interface ConflationLimits {
  /** Of one topic. */
  readonly messages: number;
  readonly bytes: number;
  /** Of all topics of the node. */
  readonly totalBytes: number;
}

/** Bytes that all topics hold together. */
export interface Held {
  bytes: number;
}

interface Kept {
  readonly sequence: number;
  readonly publication: Publication;
  readonly size: number;
  /** By codec, once a slow reader has needed it. */
  readonly frames: (Uint8Array | undefined)[];
}

/** A key as long as that is none. */
const MAX_KEY = 128;

export class NewestByKey {
  /** In the order of sequences: a newer one of a key goes to the end. */
  private readonly kept = new Map<string | number, Kept>();
  private bytes = 0;
  private readonly field: string;
  private readonly limits: ConflationLimits;
  private readonly held: Held;

  constructor(field: string, limits: ConflationLimits, held: Held) {
    this.field = field;
    this.limits = limits;
    this.held = held;
  }

  add(sequence: number, publication: Publication): void {
    const { payload } = publication;
    const found = sliceField(payload, this.field);
    const key = found === null || found.length > MAX_KEY || !isKey(found) ? sequence : found;
    this.drop(key);
    const size = payload.length;
    this.kept.set(key, { sequence, publication, size, frames: NO_FRAMES.slice() });
    this.count(size);
    while (this.kept.size > 1 && this.isFull) this.drop(this.kept.keys().next().value ?? key);
  }

  /** The newest of each key after `after` and up to `to`, and up to which sequence that is all there is of it. */
  page(
    codec: Codec,
    after: number,
    to: number,
    limits: { readonly messages: number; readonly bytes: number },
  ): { readonly frames: readonly Uint8Array[]; readonly to: number } {
    const frames: Uint8Array[] = [];
    let bytes = 0;
    let last = after;
    for (const kept of this.kept.values()) {
      if (kept.sequence <= after) continue;
      if (kept.sequence > to) break;
      const frame = frameOf(kept, codec);
      bytes += frame.length;
      if (frames.length > 0 && (frames.length === limits.messages || bytes > limits.bytes)) return { frames, to: last };
      frames.push(frame);
      last = kept.sequence;
    }
    return { frames, to };
  }

  clear(): void {
    this.kept.clear();
    this.count(-this.bytes);
  }

  private get isFull(): boolean {
    const { messages, bytes, totalBytes } = this.limits;
    return this.kept.size > messages || this.bytes > bytes || this.held.bytes > totalBytes;
  }

  private drop(key: string | number): void {
    const before = this.kept.get(key);
    if (before === undefined) return;
    this.kept.delete(key);
    this.count(-before.size);
  }

  private count(bytes: number): void {
    this.bytes += bytes;
    this.held.bytes += bytes;
  }
}

const NO_FRAMES: readonly (Uint8Array | undefined)[] = CODECS.map(() => undefined);
const QUOTE = 0x22;

/** Text or a number: of two objects with the same members nobody knows whether they are the same key. */
function isKey(text: string): boolean {
  const code = text.charCodeAt(0);
  return code === QUOTE || code === 0x2d || (code >= 0x30 && code <= 0x39);
}

function frameOf({ frames, publication }: Kept, codec: Codec): Uint8Array {
  const known = frames[codec.index];
  if (known !== undefined) return known;
  const payload = codec.publication(publication);
  const frame = typeof payload === 'string' ? Buffer.from(payload) : payload;
  frames[codec.index] = frame;
  return frame;
}
