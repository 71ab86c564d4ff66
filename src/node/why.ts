/** Why a user did or did not get a message, in one sentence. */
import type { Connection } from '../connection/connection.ts';
import type { ConnectionContext } from '../connection/context.ts';
import { messagePlace } from '../protocol/position.ts';
import { tenantOf, topicDigest } from '../protocol/topic.ts';
import { quote } from '../protocol/errors.ts';
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

/** What of a node knows about its messages. */
export interface TraceParts {
  readonly connections: readonly Connection[];
  readonly context: Pick<ConnectionContext, 'router'>;
}

export interface Why {
  readonly user: string;
  readonly verdict: Verdict;
  readonly sentence: string;
  /** Per connection of the user that is open or was written down. */
  readonly fates: readonly Fate[];
}

/** The best end counts: whoever got it on one device got it. */
const RANK: readonly Verdict[] = ['delivered', 'pending', 'unknown', 'not_delivered'];

/** Where a message is: in the trace, else as far as its id says, when the node serves its topic. */
export function findMessage({ context }: TraceParts, id: string): MessagePlace | null {
  const message = context.router.tracing.find(id);
  if (message !== undefined) return { topic: message.topic, sequence: message.sequence, message };
  const place = messagePlace(id);
  if (place === null) return null;
  let looked = 0;
  for (const { name, isEphemeral } of context.router.openTopics()) {
    if (!isEphemeral && topicDigest(name) === place.digest)
      return { topic: name, sequence: place.sequence, message: null };
    looked += 1;
    if (looked === MAX_DIGESTS) break;
  }
  return null;
}

/** Why a message is not in the trace. */
export function whyNotTraced({ context }: TraceParts, id: string): string {
  const published = messagePlace(id)?.timestamp;
  if (published === undefined)
    return `expected a message id (<milliseconds>-<sequence>-<digest of the topic>, the id of a publication and of its Ack), got ${quote(id)}`;
  const topic = findMessage({ context, connections: [] }, id)?.topic;
  return `the message is not in the trace: ${reason(context.router, published, topic)}`;
}

/** Why a user did or did not get a message, from what this node knows. */
export function explainFor(parts: TraceParts, id: string, user: string): Why {
  const place = findMessage(parts, id);
  const note = place?.message === null || place === null ? whyNotTraced(parts, id) : null;
  if (place === null) return { user, verdict: 'unknown', sentence: sentence(note ?? ''), fates: [] };
  const fates = fatesOf(parts, place, user);
  const [best] = fates.toSorted((a, b) => RANK.indexOf(a.verdict) - RANK.indexOf(b.verdict));
  const more = note === null || best?.verdict === 'pending' ? stopped(place) : `; ${note}`;
  if (best !== undefined)
    return { user, verdict: best.verdict, sentence: sentence(`${user} ${best.text}${more}`), fates };
  return { user, verdict: 'not_delivered', sentence: sentence(`${user} ${absent(parts, place)}${more}`), fates };
}

function fatesOf({ connections }: TraceParts, place: MessagePlace, user: string): Fate[] {
  const { topic, message } = place;
  const live = connections.filter(
    ({ isOpen, principal }) => isOpen && principal.user === user && principal.tenant === tenantOf(topic),
  );
  // What was written down last says most, then where the others stand.
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

function absent({ context }: TraceParts, { topic, sequence, message }: MessagePlace): string {
  const head = [...context.router.openTopics()].find(({ name }) => name === topic);
  const epoch = message?.epoch ?? head?.epoch ?? '';
  return `is not connected to this node; the message ${waits({ sequence, epoch })}`;
}

function stopped({ topic, message }: MessagePlace): string {
  const at = message?.tracedUntil ?? null;
  return at === null ? '' : ` (tracing of ${shownTopic(topic)} was switched off at ${time(at)})`;
}

function reason({ tracing }: Router, published: number, topic: string | undefined): string {
  const patterns = tracing.list();
  const shown = topic === undefined ? 'its topic' : shownTopic(topic);
  if (patterns.length === 0 || (topic !== undefined && !tracing.isTraced(topic)))
    return `tracing is off for ${shown}; switch it on and publish again`;
  const { kept, messages } = tracing.usage;
  const [oldest] = tracing.messages();
  if (kept >= messages && oldest !== undefined && published <= oldest.timestamp)
    return `the ring of ${messages} moved on, its oldest message is of ${time(oldest.timestamp)}`;
  const since = Math.min(...patterns.map((pattern) => pattern.since));
  if (published < since) return `it was published at ${time(published)}, before tracing began at ${time(since)}`;
  return `traced are ${patterns.map(({ pattern }) => shownTopic(pattern)).join(', ')}; its topic is none of them, or nobody on this node published or listened to it`;
}

function sentence(text: string): string {
  return `${text}.`;
}
