/** Why a user did or did not get a message, in one sentence. */
import type { Connection } from '../connection/connection.ts';
import type { ConnectionContext } from '../connection/context.ts';
import { expectedMessageId, messagePlace } from '../protocol/position.ts';
import { tenantOf, topicDigest, type Topic } from '../protocol/topic.ts';
import type { Router } from '../router/router.ts';
import {
  recordedFate,
  shownTopic,
  standingFate,
  time,
  waits,
  type Fate,
  type MessagePlace,
  type Verdict,
} from './fate.ts';

/** Topics held against the digest in the id of a message that is not in the trace: a few milliseconds of work. */
const MAX_DIGESTS = 5_000;
/** Connections that are listed for a message that is not in the trace. */
const MAX_STANDING = 100;

/** What of a node knows about its messages. */
export interface TraceParts {
  readonly connections: readonly Connection[];
  readonly context: Pick<ConnectionContext, 'router'>;
}

/** A message, and why it is not in the trace when it is not: half a sentence. */
export interface Located {
  readonly place: MessagePlace | null;
  readonly note: string | null;
}

export interface Why {
  readonly user: string;
  readonly verdict: Verdict;
  readonly sentence: string;
  /** Where the message is, when the user has no connection to this node: half a sentence. */
  readonly absent: string | null;
  /** Per connection of the user that is open or was written down. */
  readonly fates: readonly Fate[];
}

/** The best end counts: a user who got it on one device got it. */
const RANK: readonly Verdict[] = ['delivered', 'pending', 'unknown', 'not_delivered'];

/** Where a message is: in the trace, else as far as its id says, when the node serves its topic. */
export function locate(parts: TraceParts, id: string): Located {
  const { router } = parts.context;
  const message = router.tracing.find(id);
  if (message !== undefined)
    return { place: { topic: message.topic, sequence: message.sequence, message }, note: null };
  const named = messagePlace(id);
  if (named === null) return { place: null, note: expectedMessageId(id) };
  const topic = topicOf(router, named.digest);
  const note = `the message is not in the trace: ${missingBecause(router, named.timestamp, topic)}`;
  return { place: topic === null ? null : { topic, sequence: named.sequence, message: null }, note };
}

/** Where the connections stand that follow the topic of a message of which nothing was written down. */
export function standingAt(
  { connections }: TraceParts,
  { place }: Located,
): readonly (Fate & { readonly user: string })[] {
  if (place === null || place.message !== null) return [];
  const found: (Fate & { readonly user: string })[] = [];
  for (const connection of connections) {
    const isFollower = connection.isOpen && connection.subscriptions.some(({ topic }) => topic.name === place.topic);
    if (isFollower) found.push({ user: connection.principal.user, ...standingFate(place, connection) });
    if (found.length === MAX_STANDING) break;
  }
  return found;
}

/** Why a user did or did not get a message, from what this node knows. */
export function explainFor(parts: TraceParts, { place, note }: Located, user: string): Why {
  if (place === null) return { user, verdict: 'unknown', sentence: `${note}.`, absent: null, fates: [] };
  const fates = fatesOf(parts, place, user);
  const [best] = fates.toSorted((a, b) => RANK.indexOf(a.verdict) - RANK.indexOf(b.verdict));
  const { verdict, text } = best ?? { verdict: absentVerdict(place), text: '' };
  const more = note === null || verdict === 'pending' ? stopped(place) : `; ${note}`;
  if (best !== undefined) return { user, verdict, sentence: `${user} ${text}${more}.`, absent: null, fates };
  const absent = `${whereItWaits(parts, place)}${more}`;
  return { user, verdict, sentence: `${user} is not connected to this node; ${absent}.`, absent, fates };
}

function topicOf(router: Router, digest: string): Topic | null {
  let looked = 0;
  for (const { name, isEphemeral } of router.openTopics()) {
    if (!isEphemeral && topicDigest(name) === digest) return name;
    looked += 1;
    if (looked === MAX_DIGESTS) break;
  }
  return null;
}

function fatesOf({ connections }: TraceParts, place: MessagePlace, user: string): Fate[] {
  const { topic, message } = place;
  const live = connections.filter(
    ({ isOpen, principal }) => isOpen && principal.user === user && principal.tenant === tenantOf(topic),
  );
  // The record that was written last says most; then comes where the others stand.
  const recorded = [...(message?.recipients ?? [])]
    .filter(([, recipient]) => recipient.user === user)
    .toSorted(([, a], [, b]) => b.at - a.at);
  const listed = new Set(recorded.map(([number]) => number));
  return [
    ...recorded.flatMap(([number, recipient]) => {
      const open = live.find((connection) => connection.number === number);
      return message === null ? [] : [recordedFate(message, recipient, open)];
    }),
    ...live.filter(({ number }) => !listed.has(number)).map((connection) => standingFate(place, connection)),
  ];
}

/** A user who was here and left without having been written down may have got it. */
function absentVerdict({ message }: MessagePlace): Verdict {
  const isComplete = message !== null && message.tracedUntil === null && Object.keys(message.others).length === 0;
  return isComplete ? 'not_delivered' : 'unknown';
}

function whereItWaits({ context }: TraceParts, { topic, sequence, message }: MessagePlace): string {
  const head = [...context.router.openTopics()].find(({ name }) => name === topic);
  const epoch = message?.epoch ?? head?.epoch ?? '';
  return `the message ${waits({ sequence, epoch })}`;
}

function stopped({ topic, message }: MessagePlace): string {
  const at = message?.tracedUntil ?? null;
  return at === null ? '' : ` (tracing of ${shownTopic(topic)} was switched off at ${time(at)})`;
}

function missingBecause({ tracing }: Router, published: number, topic: Topic | null): string {
  const patterns = tracing.list();
  const shown = topic === null ? 'its topic' : shownTopic(topic);
  if (patterns.length === 0 || (topic !== null && !tracing.isTraced(topic)))
    return `tracing is off for ${shown}; switch it on and publish again`;
  const { kept, messages } = tracing.usage;
  const [oldest] = tracing.messages();
  if (kept >= messages && oldest !== undefined && published <= oldest.timestamp)
    return `the ring of ${messages} moved on, its oldest message is of ${time(oldest.timestamp)}`;
  const since = Math.min(...patterns.map((pattern) => pattern.since));
  if (published < since) return `it was published at ${time(published)}, before tracing began at ${time(since)}`;
  return `traced are ${patterns.map(({ pattern }) => shownTopic(pattern)).join(', ')}; its topic is none of them, or nobody on this node published or listened to it`;
}
