/** A topic, an epoch and a sequence are one message for everybody, and somebody sent it. */
import type { Record } from './record.ts';

interface Claim {
  readonly who: string;
  readonly payload: string;
}

export function checkContent({ sent, acknowledged, heard }: Record): string[] {
  const violations: string[] = [];
  const topics = new Map(sent.map(({ payload, topic }) => [payload, topic]));
  const claims = new Map<string, Claim>();
  const claim = (place: string, who: string, payload: string): void => {
    const earlier = claims.get(place);
    if (earlier === undefined) claims.set(place, { who, payload });
    else if (earlier.payload !== payload)
      violations.push(`disagreement: ${place} is ${earlier.payload} for ${earlier.who} and ${payload} for ${who}`);
  };
  for (const { topic, epoch, sequence, payload } of acknowledged)
    claim(`${topic} ${epoch} ${sequence}`, 'its publisher', payload);
  for (const [subscriber, events] of heard)
    for (const event of events) {
      if (event.kind !== 'received') continue;
      const { topic, epoch, sequence, payload } = event;
      if (topics.get(payload) !== topic)
        violations.push(`invented: ${subscriber} got ${payload} on ${topic} (${sequence}), which nobody sent there`);
      claim(`${topic} ${epoch} ${sequence}`, subscriber, payload);
    }
  return violations;
}
