/**
 * Every acknowledged publication was received by every subscriber, or it was told what is missing. What Redis forgets when
 * its replica takes over is excused, if it was acknowledged around such a failover and the subscriber saw the epoch change.
 */
import type { Acknowledged, Disturbance, Heard, Record } from './record.ts';

/** How long before a failover the replica may have been behind. */
const BEHIND_MS = 1_000;

interface Findings {
  readonly violations: readonly string[];
  /** Publications that at least one subscriber was told to have missed, and that it was excused from. */
  readonly announced: number;
  readonly forgotten: number;
}

/** What one subscriber heard of one topic. */
interface Story {
  readonly payloads: ReadonlySet<string>;
  readonly events: readonly Heard[];
}

export function checkAcknowledged({ acknowledged, heard, disturbances }: Record): Findings {
  const violations: string[] = [];
  const announced = new Set<string>();
  const forgotten = new Set<string>();
  const losses = disturbances.filter(({ mayLose }) => mayLose);
  for (const [subscriber, list] of heard) {
    const stories = storiesOf(list);
    for (const ack of acknowledged) {
      const story = stories.get(ack.topic);
      if (story === undefined || story.payloads.has(ack.payload) || isOutside(ack, story)) continue;
      if (isAnnounced(ack, story)) announced.add(ack.payload);
      else if (isForgotten(ack, story, losses)) forgotten.add(ack.payload);
      else
        violations.push(
          `lost: ${ack.payload} was acknowledged at ${Math.round(ack.at)} ms as ${ack.topic} ${ack.epoch} ${ack.sequence}, ` +
            `and ${subscriber} neither got it nor was told`,
        );
    }
  }
  return { violations, announced: announced.size, forgotten: forgotten.size };
}

function storiesOf(list: readonly Heard[]): Map<string, Story> {
  const stories = new Map<string, Story>();
  for (const [topic, events] of Map.groupBy(list, ({ topic }) => topic)) {
    const payloads = events.flatMap((event) => (event.kind === 'received' ? [event.payload] : []));
    stories.set(topic, { payloads: new Set(payloads), events });
  }
  return stories;
}

/** Stored before the subscription began. */
function isOutside({ epoch, sequence, at }: Acknowledged, { events }: Story): boolean {
  const [first] = events;
  if (first === undefined) return true;
  if (first.epoch !== epoch) return at <= first.at;
  return (
    sequence <= (first.kind === 'received' ? first.sequence - 1 : first.kind === 'gap' ? first.to : first.sequence)
  );
}

function isAnnounced({ epoch, sequence, at }: Acknowledged, { events }: Story): boolean {
  return events.some((event) => {
    if (event.kind !== 'gap') return false;
    if (event.cause !== 'history_lost') return event.from <= sequence && sequence <= event.to;
    return event.epoch === epoch ? sequence <= event.to : at < event.at;
  });
}

/** Acknowledged around a failover, in an epoch that the subscriber has left. */
function isForgotten({ epoch, at }: Acknowledged, { events }: Story, losses: readonly Disturbance[]): boolean {
  const isAround = losses.some(({ from, until }) => from - BEHIND_MS <= at && at <= until);
  return isAround && events.at(-1)?.epoch !== epoch;
}
