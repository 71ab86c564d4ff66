/** Topics that applications own: who owns what, found by name, and their promises as the callbacks of the core. */
import type { Draft, HistorySource } from '../broker/broker.ts';
import { isRefusal, quote, refusal, type Refusal } from '../protocol/errors.ts';
import type { JsonValue } from '../protocol/frames.ts';
import { messageId, type Publication } from '../protocol/position.ts';
import {
  covers,
  firstSegment,
  matches,
  overlaps,
  tenantOf,
  topicDigest,
  wireName,
  type Topic,
} from '../protocol/topic.ts';
import type { DecisionReply, Overlap, StoredAt, TopicOwner, TopicOwners } from '../service/topic-owners.ts';
import type { Decision, OwnedTopics, PublishingAnswer } from './app.ts';
import type { Calls } from './calls.ts';
import type { StoredMessage } from './vocabulary.ts';

/** When a client may ask again that got no decision. */
const RETRY_MS = 1_000;

interface Claim {
  readonly pattern: string;
  readonly owner: TopicOwner;
}

/** By first segment, which is literal in every claim: most topics are nobody's, and are found to be so by one look. */
export class Owners implements TopicOwners {
  private readonly claims = new Map<string, Claim[]>();

  add(pattern: string, owner: TopicOwner): void {
    const first = firstSegment(pattern);
    this.claims.set(first, [...(this.claims.get(first) ?? []), { pattern, owner }]);
  }

  /** Claims. */
  get size(): number {
    return this.claims.size;
  }

  of(topic: Topic): TopicOwner | null {
    const name = wireName(topic);
    const claims = this.claims.get(firstSegment(name));
    if (claims === undefined) return null;
    for (const { pattern, owner } of claims) if (matches(pattern, name)) return owner;
    return null;
  }

  overlapping(pattern: Topic): readonly Overlap[] {
    const name = wireName(pattern);
    const claims = this.claims.get(firstSegment(name)) ?? [];
    return claims
      .filter((claim) => overlaps(claim.pattern, name))
      .map((claim) => ({ owner: claim.owner, isWhole: covers(claim.pattern, name) }));
  }
}

export function topicOwner(topics: OwnedTopics, calls: Calls, deadlineMs: number): TopicOwner {
  const { pattern, mayAct, decides, readable, publishing, history } = topics;
  return {
    app: calls.app,
    mayAct:
      mayAct === undefined
        ? null
        : (principal, action, name, reply) => {
            // The caller has a deadline of its own.
            calls.run(
              { part: 'decision', name: pattern, deadlineMs: null },
              () => mayAct(principal, action, name),
              (answer) => decided(answer, reply, (plain) => decisionOf(plain, calls, pattern, name)),
            );
          },
    decides,
    readable:
      readable === undefined
        ? null
        : (principal, name, reply) =>
            calls.run(
              { part: 'decision', name: pattern, deadlineMs: null },
              () => readable(principal, name),
              (answer) => reply(readableOf(answer, calls, pattern)),
            ),
    publishing:
      publishing === undefined
        ? null
        : (principal, name, draft, reply) => {
            const { payload, from, clientId, idempotencyKey, trace } = draft;
            const message = {
              tenant: principal.tenant,
              topic: name,
              from,
              clientId,
              idempotencyKey,
              trace,
              payload: JSON.parse(payload) as JsonValue,
            };
            calls.run<PublishingAnswer>(
              { part: 'publishing', name: pattern, deadlineMs: null },
              () => publishing(principal, message),
              (answer) => reply(publishedAs(answer, draft, calls, pattern)),
            );
          },
    history: history === undefined ? null : historySource(pattern, history, calls, deadlineMs),
  };
}

/** An answer that says how long it holds, or one that does not. */
function decided(
  answer: boolean | Refusal | Decision,
  reply: DecisionReply,
  read: (answer: boolean | Refusal) => Refusal | null,
): void {
  if (typeof answer !== 'object' || answer === null || !('ageSecs' in answer)) reply(read(answer));
  else reply(read(answer.answer), answer.ageSecs * 1_000);
}

function decisionOf(answer: boolean | Refusal, calls: Calls, pattern: string, name: string): Refusal | null {
  if (answer === true) return null;
  if (answer === false)
    return refusal('not_allowed', `expected a topic that ${calls.app} allows this user, got ${quote(name)}`);
  const isKnown = typeof answer === 'object' && answer !== null && isRefusal(answer);
  if (isKnown && answer.reason !== 'quarantined') return answer;
  if (!isKnown)
    calls.failed(
      { part: 'decision', name: pattern, deadlineMs: null },
      new TypeError(`expected true, false or a refusal as the answer of mayAct, got ${quote(answer)}`),
    );
  // A fault is no decision: it is not to be remembered.
  return refusal('rights_unavailable', `expected ${calls.app} to decide on this topic, and it failed`, RETRY_MS);
}

/** A fault is no decision, and nothing is read. */
function readableOf(answer: number | Refusal, calls: Calls, pattern: string): number | Refusal {
  if (typeof answer === 'number' && Number.isSafeInteger(answer) && answer >= 0) return answer;
  const isKnown = typeof answer === 'object' && answer !== null && isRefusal(answer);
  if (isKnown && answer.reason !== 'quarantined') return answer;
  if (!isKnown)
    calls.failed(
      { part: 'decision', name: pattern, deadlineMs: null },
      new TypeError(`expected a sequence or a refusal as the answer of readable, got ${quote(answer)}`),
    );
  return refusal('rights_unavailable', `expected ${calls.app} to decide on this topic, and it failed`, RETRY_MS);
}

function publishedAs(
  answer: PublishingAnswer,
  draft: Draft,
  calls: Calls,
  pattern: string,
): Draft | StoredAt | Refusal {
  const called = { part: 'publishing', name: pattern, deadlineMs: null } as const;
  if (answer === undefined) return draft;
  if (typeof answer !== 'object' || answer === null)
    return calls.failed(
      called,
      new TypeError(`expected nothing, a payload, a place or a refusal, got ${quote(answer)}`),
    );
  if (isRefusal(answer)) return answer;
  const payload = 'payload' in answer && answer.payload !== undefined ? JSON.stringify(answer.payload) : draft.payload;
  if (payload === undefined) return calls.failed(called, new TypeError('expected a payload that is JSON'));
  const changed = { ...draft, payload };
  if (!('at' in answer)) return changed;
  const { at, timestamp, duplicate = false } = answer;
  return { position: at, timestamp, draft: changed, duplicate };
}

function historySource(
  pattern: string,
  history: NonNullable<OwnedTopics['history']>,
  calls: Calls,
  deadlineMs: number,
): HistorySource {
  return {
    read: (topic, after, before, limit, reply) =>
      calls.run(
        { part: 'history', name: pattern, deadlineMs },
        () => history(wireName(topic), { tenant: tenantOf(topic), after, before, limit }),
        (page) => {
          if (isRefusal(page)) return reply(page);
          const { first, head = null, messages } = page;
          reply({ first, head, publications: messages.map((message) => publicationOf(topic, message)) });
        },
      ),
  };
}

function publicationOf(topic: Topic, { at, from, payload, timestamp, clientId, trace }: StoredMessage): Publication {
  const id = messageId(timestamp, at.sequence, topicDigest(topic));
  return { topic, id, position: at, from, clientId, trace, payload: JSON.stringify(payload), timestamp };
}
