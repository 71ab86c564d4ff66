/** Which applications use which: those that are used start before, and end after, those that use them. */
import type { Problem } from '../config/problem.ts';
import type { App } from './app.ts';

type Named = Pick<App, 'name' | 'uses'>;

/** Applications that one uses and that do not run, and circles. */
export function usesProblems(apps: readonly Named[]): Problem[] {
  const names = new Set(apps.map(({ name }) => name));
  const missing = apps.flatMap(({ name, uses = [] }) =>
    uses
      .filter((used) => !names.has(used))
      .map((used) => ({
        key: `apps.${used}`,
        expected: `the section [apps.${used}]: the application ${name} uses it`,
        got: 'none',
      })),
  );
  if (missing.length > 0) return missing;
  return inOrder(apps).flat().length === apps.length ? [] : [circle(apps)];
}

/** Rounds: each uses only applications of those before it. An application in a circle, or one that uses it, is in none. */
export function inOrder<T extends Named>(apps: readonly T[]): readonly (readonly T[])[] {
  const rounds: T[][] = [];
  const placed = new Set<string>();
  for (let rest = [...apps]; rest.length > 0;) {
    const round = rest.filter(({ uses = [] }) => uses.every((used) => placed.has(used)));
    if (round.length === 0) return rounds;
    rounds.push(round);
    for (const { name } of round) placed.add(name);
    rest = rest.filter((app) => !placed.has(app.name));
  }
  return rounds;
}

function circle(apps: readonly Named[]): Problem {
  const placed = new Set(inOrder(apps).flatMap((round) => round.map(({ name }) => name)));
  const names = apps.map(({ name }) => name).filter((name) => !placed.has(name));
  return {
    key: `apps.${names[0] ?? ''}`,
    expected: 'applications that do not use one another in a circle',
    got: names.join(', '),
  };
}
