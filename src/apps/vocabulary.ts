/** What the files of the seam have in common. */
import type { z } from 'zod';
import type { JsonValue } from '../protocol/frames.ts';
import type { Position } from '../protocol/position.ts';

/** The schema library, which applications are handed. */
export type Zod = typeof z;
/** At once or later. */
export type MaybePromise<T> = T | Promise<T>;

/** A message as an application keeps it under its own sequence. */
export interface StoredMessage {
  readonly at: Position;
  readonly from: string;
  readonly payload: JsonValue;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly clientId?: string | undefined;
  readonly trace?: string | undefined;
}
