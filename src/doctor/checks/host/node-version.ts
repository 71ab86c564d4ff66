/** Whether this Node.js is one that the server runs on. */
import type { Check } from '../../check.ts';
import { fail, ok } from '../../finding.ts';

const LOWEST = 22;

export const hostNodeVersion: Check = {
  name: 'host.node-version',
  looksAt: 'The version of Node.js.',
  needs: [],
  run: () => {
    const major = Number(process.versions.node.split('.')[0]);
    if (major >= LOWEST) return [ok(`Node.js ${process.versions.node}`)];
    return [
      fail(
        `expected Node.js ${LOWEST} or later, got ${process.versions.node}`,
        `start through ./signalbox, which finds the right one, or install Node.js ${LOWEST}`,
      ),
    ];
  },
};
