/** Why a body that is read while it arrives does not arrive whole: no fault of its reader, who lets it pass. */
import type { Refusal } from '../protocol/errors.ts';

export class BodyError extends Error {
  override readonly name = 'BodyError';
  /** For the client, where there still is one. */
  readonly refusal: Refusal;

  constructor(problem: Refusal) {
    super(problem.message);
    this.refusal = problem;
  }
}
