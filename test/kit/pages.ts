/** The pages that people read, by their path from the root. */
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export const PAGES: readonly string[] = globSync('{*.md,docs/*.md,deploy/**/*.md,k8s/**/*.md}', {
  cwd: ROOT,
}).toSorted();
