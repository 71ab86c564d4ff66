/** Where the server is that tests start as processes (build-server.ts). */
import { join } from 'node:path';

/** Tells the processes of the tests. */
export const VARIABLE = 'TESTED_SERVER';

/** What a process is started with: as the launcher does, from the built files. */
export function serverCommand(): readonly string[] {
  return ['--max-semi-space-size=4', '--v8-pool-size=1', join(builtFiles(), 'main.js')];
}

/** Starts it as a program of its own; `node` is looked for on the PATH. */
export function builtLauncher(): string {
  return join(builtFiles(), '../bin/signalbox.js');
}

/** The folder that is `dist` in the package, with its programs bundled. */
export function builtFiles(): string {
  const directory = process.env[VARIABLE];
  if (directory === undefined) throw new Error(`expected ${VARIABLE} from the setup of the run (vitest.config.ts)`);
  return join(directory, 'dist');
}
