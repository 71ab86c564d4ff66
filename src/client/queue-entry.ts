/** One publish, as the queue has it. */
import type { SignalboxError } from './errors.ts';
import type { Link } from './link.ts';
import type { Receipt, SavedEntry } from './publishing.ts';

export type Settled = (error: SignalboxError | null, receipt?: Receipt) => void;

export interface Entry {
  readonly saved: SavedEntry;
  /** By the monotonic clock: after it nothing more is tried. */
  windowEnd: number;
  deadline: number;
  /** On which it is under way. */
  link: Link | null;
  /** Both by the monotonic clock. */
  sentAt: number;
  notBefore: number;
  /** How often it was to come later. */
  refusals: number;
  error: SignalboxError | undefined;
  settle: Settled;
  unlisten: () => void;
}

/** Not sent yet. */
export function entryOf(saved: SavedEntry, windowEnd: number, deadline: number, settle: Settled): Entry {
  return {
    saved,
    windowEnd,
    deadline,
    link: null,
    sentAt: 0,
    notBefore: 0,
    refusals: 0,
    error: undefined,
    settle,
    unlisten: () => {},
  };
}
