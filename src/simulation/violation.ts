/** What the simulation finds: a promise that was broken. */
export class Violation extends Error {
  override readonly name = 'Violation';
  /** Which promise: the same for the same kind of break, so that a shortened schedule can be told to break it still. */
  readonly promise: string;

  constructor(promise: string, details: string) {
    super(`${promise}: ${details}`);
    this.promise = promise;
  }
}

/** @throws Violation unless the condition holds */
export function promise(holds: boolean, name: string, details: () => string): asserts holds {
  if (!holds) throw new Violation(name, details());
}
