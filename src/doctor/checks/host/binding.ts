/** Whether the socket library loads here: it is a binary that wants a glibc of its own. */
import { glibcVersion } from '../../../telemetry/process-facts.ts';
import type { Check } from '../../check.ts';
import { fail, ok } from '../../finding.ts';

export const hostBinding: Check = {
  name: 'host.binding',
  looksAt: 'Whether the binary of uWebSockets.js loads with this Node.js and this glibc.',
  needs: [],
  run: async ({ binding }) => {
    if (binding === undefined) return [];
    const glibc = glibcVersion();
    const where = `${process.platform}-${process.arch}, ${glibc === null ? 'no glibc' : `glibc ${glibc}`}`;
    try {
      return [ok(`uWebSockets.js ${await binding()} loads (${where})`)];
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      return [
        fail(
          `uWebSockets.js does not load (${where}): ${cause.replaceAll(/\s+/g, ' ')}`,
          'take a distribution with glibc 2.31 or later (not Alpine), Node.js 22, and install anew (make install)',
        ),
      ];
    }
  },
};
