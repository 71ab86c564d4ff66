/** Connections that nodes end, because nothing comes from the client, or the client takes nothing. */
import type { Check } from '../../check.ts';
import { eachNode, percent } from '../../each-node.ts';
import { warn, type Observation } from '../../finding.ts';

/** Phones fall silent every day. */
const MANY = 10;

const ENDS: readonly (readonly [code: string, why: string, cure: string])[] = [
  [
    '4105',
    'nothing came from the client for websocket.client_timeout_secs: it hung, lost its network, or answers no pings',
    'look at what the client does when it hangs; ./signalbox doctor --url wss://… --token … --idle 120 says whether the way drops pings',
  ],
  [
    '4109',
    'the client took nothing for websocket.stall_timeout_secs',
    'let the client read at once and work later, or subscribe to less; ./signalbox connections --sort mailbox',
  ],
];

export const limitsEnded: Check = {
  name: 'limits.ended',
  looksAt:
    'Connections that were ended because the client fell silent or took nothing (close codes 4105, 4109), when they are one in ten or more.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ limits, connections }): readonly Observation[] =>
        ENDS.flatMap(([code, why, cure]) => {
          const [count, accepted] = [limits?.closed?.[code] ?? 0, connections?.accepted ?? 0];
          if (count === 0 || percent(count, accepted) < MANY) return [];
          return [warn(`${count} of ${accepted} connections were ended (${code}): ${why}`, cure)];
        }),
      () => 'few connections were ended for silence',
    ),
};
