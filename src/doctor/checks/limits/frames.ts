/** Frames that are answered with an `Error`, by the reason that clients are told. */
import type { Reason } from '../../../protocol/errors.ts';
import type { Check } from '../../check.ts';
import { eachNode } from '../../each-node.ts';
import { warn, type Observation } from '../../finding.ts';

const NONSENSE =
  'correct that client: ./signalbox connections show ID has its last errors, docs/protocol.md the frames';

/** Of what another check says nothing. By the reason of docs/errors.md. */
type Known = readonly [what: string, cure: string];
const REASONS = new Map<string, Known>(
  Object.entries({
    payload_too_large: [
      'messages that are larger than websocket.max_message_size',
      'send a link to what is large (docs/media.md), or raise websocket.max_message_size',
    ],
    not_allowed: [
      'what the rights of the user do not cover',
      './signalbox doctor --token of such a user says which rule is missing; topics.rules, the claim topics',
    ],
    topic_limit: [
      'subscriptions beyond websocket.max_subscriptions, or topics beyond what the node holds',
      'let clients unsubscribe when a view closes, or subscribe to patterns',
    ],
    malformed: ['what is no frame', NONSENSE],
    unknown_type: ['frames of an unknown type', NONSENSE],
    invalid_field: ['frames with a field that is missing or wrong', NONSENSE],
    invalid_topic: ['names that are no topics', NONSENSE],
  } satisfies Partial<Record<Reason, Known>>),
);

export const limitsFrames: Check = {
  name: 'limits.frames',
  looksAt: 'Frames that clients sent and that were refused since the start: too large, not allowed, not understood.',
  needs: ['admin'],
  run: (patient) =>
    eachNode(
      patient,
      ({ limits }): readonly Observation[] =>
        Object.entries(limits?.errors ?? {}).flatMap(([reason, count]) => {
          const known = REASONS.get(reason);
          if (known === undefined) return [];
          return [warn(`${count} frames of clients were refused (${reason}): ${known[0]}`, known[1])];
        }),
      () => 'no frame of a client was refused for what it is',
    ),
};
