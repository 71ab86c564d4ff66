/** What short verbs load before they do anything: a probe that runs every few seconds pays for every module. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SRC = fileURLToPath(new URL('../src', import.meta.url));

/** Modules and packages that are loaded with a file; what is imported by a call is not among them. */
function loadedWith(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(join(SRC, file), 'utf8');
  const imports = text.matchAll(/^(?:import|export) (?!type )[^;]*?from '([^']+)';/gms);
  for (const [, name = ''] of imports) {
    if (name.startsWith('.')) loadedWith(join(dirname(file), name), found);
    else if (!name.startsWith('node:')) found.add(name);
  }
  return found;
}

test.each([
  ['the entry point and its help', 'main.ts', 6],
  ['version', 'cli/version-command.ts', 5],
  ['health', 'cli/health.ts', 8],
])('%s: nothing that reads a configuration, and few modules', (_verb, file, most) => {
  const loaded = [...loadedWith(file)];
  expect(loaded.filter((name) => ['zod', 'jose', 'smol-toml', 'ioredis'].includes(name))).toEqual([]);
  expect(loaded.length, loaded.join(', ')).toBeLessThanOrEqual(most);
});

test('token: no server', () => {
  const loaded = [...loadedWith('cli/token.ts')];
  expect(loaded.filter((name) => /^(?:apps|http|service|router|connection|node|broker)\//.test(name))).toEqual([]);
});

test('serve: what only some nodes or requests need is loaded when it is asked for', () => {
  const loaded = [...loadedWith('cli/serve.ts')];
  expect(loaded.filter((name) => ['ioredis', 'jose', 'prom-client'].includes(name))).toEqual([]);
  expect(
    loaded.filter((name) => /^(?:redis\/|http\/openapi\/(?!routes)|cli\/workers\/(?!leave-port))/.test(name)),
  ).toEqual([]);
});
