/**
 * Packages that only some uses need. They are development dependencies, so that a production install, its audits and its
 * image do not carry them; a checkout has them.
 */
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);

/** What is wrong when a package is asked for that is not installed: one line with the cure. Null when it is there. */
export function missingPackage(name: string, purpose: string): string | null {
  try {
    require.resolve(name);
    return null;
  } catch {
    return `${purpose} needs the package ${name}, which a production install leaves out: npm install ${name}`;
  }
}

/** The exports of a package that `missingPackage` found. @throws when it is not installed */
export function requirePackage(name: string): unknown {
  return require(name);
}
