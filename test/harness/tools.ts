/** Programs of the system that some tests run. Where one is missing its tests are skipped, and one line says so. */
import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What `make test` would have installed (Makefile, SYSTEM), as root on Debian; and languages that pages have programs in. */
export type Tool =
  | 'kubectl'
  | 'helm'
  | 'nginx'
  | 'haproxy'
  | 'promtool'
  | 'systemd-analyze'
  | 'curl'
  | 'jq'
  | 'python3'
  | 'go'
  | 'chromium';

/** What scripts/helm.mjs installs. */
const OWN = fileURLToPath(new URL('../../.toolchain/bin', import.meta.url));

const told = new Set<string>();

/** Its path, also from the directories that only root has on the PATH. */
export function toolPath(tool: Tool): string | null {
  const directories = [OWN, ...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  for (const directory of directories) {
    const path = join(directory, tool);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // Not here.
    }
  }
  return null;
}

/** Whether tests that need it must be skipped. */
export function isMissing(tool: Tool, reason?: string): boolean {
  const missing =
    reason ?? (toolPath(tool) === null ? 'is not installed, and make test could not install it (apt, as root)' : null);
  if (missing === null) return false;
  if (!told.has(tool)) process.stderr.write(`skipped: ${tool} ${missing}\n`);
  told.add(tool);
  return true;
}

/** Runs it to its end; throws with what it printed when it fails. */
export function runTool(tool: Tool, args: readonly string[], directory?: string): string {
  return execFileSync(toolPath(tool) ?? tool, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(directory !== undefined && { cwd: directory }),
  });
}

/** Runs it to its end, whatever that is. */
export function tryTool(
  tool: Tool,
  args: readonly string[],
  input = '',
): { readonly code: number | null; readonly text: string } {
  const { status, stdout, stderr } = spawnSync(toolPath(tool) ?? tool, args, { encoding: 'utf8', input });
  return { code: status, text: `${stdout}${stderr}` };
}
