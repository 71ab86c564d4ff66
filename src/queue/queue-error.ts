/** Why a queue did not take a message or did not answer, in the words of its users. */

/**
 * `unavailable`: the broker does not answer, or has not confirmed. The message may be in the queue all the same, so a
 * handler has to know what it has done. `full`: the bound of the queue is reached. `too_large`: no queue takes this message.
 */
export type QueueProblem = 'unavailable' | 'full' | 'too_large';

export class QueueError extends Error {
  override readonly name = 'QueueError';
  readonly problem: QueueProblem;

  /** @param message without contents of messages: it is logged */
  constructor(problem: QueueProblem, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.problem = problem;
  }

  /** Whether the same message may be taken later. */
  get isTemporary(): boolean {
    return this.problem !== 'too_large';
  }
}
