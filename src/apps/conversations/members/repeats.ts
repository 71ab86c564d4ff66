/** What the relay says again beside events: a node may be killed between its commit and any of it. */
import type { Ports } from '../ports.ts';
import type { Repeats } from '../relay.ts';
import { repeatNew, repeatNotices } from './repeat-notices.ts';
import { repeatRights } from './repeat-rights.ts';

export function repeats(ports: Ports): Repeats {
  return {
    changed: async (conversation) => {
      await repeatRights(ports, conversation);
      await repeatNotices(ports, conversation);
    },
    begun: (ageSecs) => repeatNew(ports, ageSecs),
  };
}
