/** Whether this Node.js is one that the server runs on. */
import type { Check } from '../../check.ts';
import { fail, ok } from '../../finding.ts';

/** As bin/signalbox.js has it. */
const EXPECTED = 'Node.js 22.18 or later of 22, or 24 or later';

export const hostNodeVersion: Check = {
  name: 'host.node-version',
  looksAt: 'The version of Node.js.',
  needs: [],
  run: () => {
    const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
    if (major === 22 ? minor >= 18 : major >= 24) return [ok(`Node.js ${process.versions.node}`)];
    return [
      fail(
        `expected ${EXPECTED}, got ${process.versions.node}`,
        'start through ./signalbox, which finds the right one, or install Node.js 22',
      ),
    ];
  },
};
