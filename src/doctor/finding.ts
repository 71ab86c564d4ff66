/** What a check found. */

type Level = 'ok' | 'warn' | 'fail';

export interface Finding {
  /** The name of the check, `group.name`. */
  readonly check: string;
  readonly level: Level;
  /** The cause, one sentence with its figures. */
  readonly says: string;
  /** A command to run or a key to change; `null` only where nothing is wrong. */
  readonly cure: string | null;
}

/** A finding whose check is known by the one that runs it. */
export type Observation = Omit<Finding, 'check'>;

export function ok(says: string): Observation {
  return { level: 'ok', says, cure: null };
}

/** It works, and will not for ever, or not as well as it could. */
export function warn(says: string, cure: string): Observation {
  return { level: 'warn', says, cure };
}

/** It does not work, or somebody loses something. */
export function fail(says: string, cure: string): Observation {
  return { level: 'fail', says, cure };
}
