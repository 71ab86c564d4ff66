/** One thing that is wrong, in three parts: where, what was expected, what came. */
export interface Problem {
  readonly key: string;
  readonly expected: string;
  readonly got: string;
}
