/** The news of one subscriber must be a story without holes: docs/protocol.md, "Positions". */
import type { Announced, Heard, Received } from './record.ts';

interface Standing {
  epoch: string;
  sequence: number;
  /** Sequence by payload since the history was lost for the last time. */
  seen: Map<string, number>;
}

export function checkSubscriber(subscriber: string, heard: readonly Heard[]): string[] {
  const standings = new Map<string, Standing>();
  const violations: string[] = [];
  for (const event of heard) {
    const standing = standings.get(event.topic);
    if (standing === undefined) standings.set(event.topic, begin(event));
    else {
      const problem = step(standing, event);
      if (problem !== null) violations.push(`${subscriber}, ${event.topic}, at ${Math.round(event.at)} ms: ${problem}`);
    }
  }
  return violations;
}

/** The first thing heard of a topic tells where the subscription begins. */
function begin(event: Heard): Standing {
  const seen = new Map<string, number>();
  if (event.kind === 'received') seen.set(event.payload, event.sequence);
  return { epoch: event.epoch, sequence: event.kind === 'gap' ? event.to : event.sequence, seen };
}

function step(standing: Standing, event: Heard): string | null {
  if (event.kind === 'received') return received(standing, event);
  return event.kind === 'gap' ? announced(standing, event) : null;
}

/** A new epoch goes on with the next number too, unless a Gap has said otherwise. */
function received(standing: Standing, { epoch, sequence, payload }: Received): string | null {
  const { epoch: before, sequence: last, seen } = standing;
  const known = seen.get(payload);
  standing.epoch = epoch;
  standing.sequence = Math.max(sequence, epoch === before ? last : sequence);
  seen.set(payload, sequence);
  const change = epoch === before ? `of epoch ${epoch}` : `of epoch ${epoch} after ${before}`;
  if (sequence <= last)
    return known === sequence
      ? `duplicate: ${payload} came again as ${sequence} ${change}`
      : `order: expected ${last + 1} ${change}, got ${sequence} (${payload})`;
  if (sequence > last + 1) return `hole: expected ${last + 1} ${change} or a Gap, got ${sequence} (${payload})`;
  return known === undefined ? null : `duplicate: ${payload} came as ${known} and again as ${sequence} ${change}`;
}

function announced(standing: Standing, { cause, epoch, from, to }: Announced): string | null {
  const { epoch: before, sequence: last } = standing;
  standing.epoch = epoch;
  standing.sequence = to;
  if (cause === 'history_lost') {
    standing.seen = new Map();
    return epoch === before && to <= last
      ? `gap: history_lost names the epoch ${epoch} that was there before, and goes back from ${last} to ${to}`
      : null;
  }
  if (cause === 'no_history') return `gap: expected none of an ephemeral topic`;
  return from === last + 1 && to >= from ? null : `gap: expected one from ${last + 1}, got ${from} to ${to} (${cause})`;
}
