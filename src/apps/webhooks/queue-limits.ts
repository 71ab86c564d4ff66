/** What every queue is bounded by. */
export interface QueueLimits {
  readonly maxEvents: number;
  readonly maxBytes: number;
  readonly deadLetters: number;
}

/** Why an event became a dead letter that gave way. */
export const QUEUE_FULL = 'the queue was full, and this was the oldest event in it';
