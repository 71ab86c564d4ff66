/** Why a configuration cannot be used. Apart from what finds it out, so that verbs that read none need not load all of that. */
import type { Problem } from './problem.ts';

export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(({ key, expected, got }) => `${key}: expected ${expected}, got ${got}`).join('\n'));
    this.problems = problems;
  }
}
