/**
 * A message that its owner has stored under its own sequence comes into the log under the same. Appending what is there
 * changes nothing, so that a crash anywhere is made good by doing it again. What the log lacks before the message is
 * filled from the owner's history: two nodes append in the order in which their answers come, not in that of the numbers.
 */
import type { Broker, Draft, Published, Reply } from '../broker/broker.ts';
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import { messageId, type Position, type Publication } from '../protocol/position.ts';
import { topicDigest, type Topic } from '../protocol/topic.ts';
import type { StoredAt, TopicOwner } from './topic-owners.ts';

/** Messages that are read of the owner's history at once to fill a hole. */
const FILL = 100;

export function isStored(answer: Draft | StoredAt): answer is StoredAt {
  return 'position' in answer;
}

/** Answers with the owner's place of the message once the log has it, too. */
export function appendStored(
  broker: Broker,
  topic: Topic,
  owner: TopicOwner,
  message: StoredAt,
  reply: Reply<Published>,
): void {
  const { position, timestamp, duplicate } = message;
  const id = messageId(timestamp, position.sequence, topicDigest(topic));
  appendAt(broker, topic, owner, message, NOTHING, (refused) => reply(refused ?? { id, position, duplicate }));
}

/** What the call has tried already: a fill or a repetition that helped nothing ends it. */
interface Tried {
  readonly filledFrom: number;
  readonly isRepeated: boolean;
}

const NOTHING: Tried = { filledFrom: 0, isRepeated: false };

function appendAt(
  broker: Broker,
  topic: Topic,
  owner: TopicOwner,
  message: StoredAt,
  tried: Tried,
  reply: (refused: Refusal | null) => void,
): void {
  const again = (next: Tried): void => appendAt(broker, topic, owner, message, next, reply);
  broker.append(topic, message.position, message.timestamp, message.draft, (answer) => {
    if (isRefusal(answer)) {
      // The answer was lost: asking again changes nothing, and may tell what became of it.
      if (answer.reason === 'outcome_unknown' && !tried.isRepeated) return again({ ...tried, isRepeated: true });
      return reply(notAppended(owner, topic, answer));
    }
    if (answer.status === 'conflict') return appendAsKept(broker, topic, owner, message, reply);
    if (answer.status !== 'ahead') return reply(null);
    if (owner.history === null || answer.expected <= tried.filledFrom)
      return reply(hole(owner, topic, answer.expected, message.position.sequence));
    fill(broker, topic, owner, { from: answer.expected, before: message.position }, (refused) =>
      refused === null ? again({ ...tried, filledFrom: answer.expected }) : reply(refused),
    );
  });
}

/**
 * The log has something else there. It is the same message when a hole was filled with it: a history keeps who sent what,
 * and perhaps not the id and the trace of the sender's frame. So the message is appended as the history has it, which
 * changes nothing where it is there.
 */
function appendAsKept(
  broker: Broker,
  topic: Topic,
  owner: TopicOwner,
  message: StoredAt,
  reply: (refused: Refusal | null) => void,
): void {
  const { position } = message;
  if (owner.history === null) return compare(broker, topic, owner, message, reply);
  owner.history.read(topic, position.sequence - 1, position.sequence + 1, 1, (answer) => {
    if (isRefusal(answer)) return reply(notAppended(owner, topic, answer));
    const [kept] = answer.publications;
    if (kept === undefined) return compare(broker, topic, owner, message, reply);
    broker.append(topic, position, kept.timestamp, draftOf(kept), (appended) => {
      if (isRefusal(appended)) reply(notAppended(owner, topic, appended));
      else if (appended.status === 'conflict') compare(broker, topic, owner, message, reply);
      else reply(null);
    });
  });
}

/** Sent again, a message comes with another frame. Another node has just appended the messages that this one does not see yet. */
function compare(
  broker: Broker,
  topic: Topic,
  owner: TopicOwner,
  { position, draft, duplicate }: StoredAt,
  reply: (refused: Refusal | null) => void,
): void {
  const { epoch, sequence } = position;
  const request = { after: { epoch, sequence: sequence - 1 }, before: sequence + 1, limit: 1, maxBytes: Infinity };
  broker.read(topic, request, (page) => {
    if (isRefusal(page)) return reply(notAppended(owner, topic, page));
    const there = page.publications.find(({ position: at }) => at?.sequence === sequence);
    const isSame =
      page.epoch === epoch &&
      (there === undefined ? duplicate : there.from === draft.from && there.payload === draft.payload);
    reply(isSame ? null : conflict(owner, topic, position));
  });
}

/** Appends what the owner has from a sequence on, a page of it; one after the other, as their order asks. */
function fill(
  broker: Broker,
  topic: Topic,
  owner: TopicOwner,
  { from, before }: { readonly from: number; readonly before: Position },
  reply: (refused: Refusal | null) => void,
): void {
  owner.history?.read(topic, from - 1, before.sequence, FILL, (answer) => {
    if (isRefusal(answer)) return reply(notAppended(owner, topic, answer));
    const step = (at: number): void => {
      const next = answer.publications[at];
      if (next?.position == null) return reply(null);
      const position = { epoch: before.epoch, sequence: next.position.sequence };
      broker.append(topic, position, next.timestamp, draftOf(next), (appended) => {
        if (isRefusal(appended)) return reply(notAppended(owner, topic, appended));
        // Somebody else has filled it, perhaps with more of what came with the message.
        step(at + 1);
      });
    };
    step(0);
  });
}

function draftOf({ payload, from, clientId, trace }: Publication): Draft {
  return { payload, from, clientId, trace, idempotencyKey: undefined };
}

/** The owner has the message, so nobody can say that nothing was stored: sent again, it is appended where it belongs. */
function notAppended({ app }: TopicOwner, topic: Topic, { message, retryAfterMs }: Refusal): Refusal {
  return refusal(
    'outcome_unknown',
    `expected the log of ${topic} to take the message that its owner (${app}) has stored: ${message}`,
    retryAfterMs ?? 1_000,
  );
}

/** The log has another message there: neither can be told to be right. */
function conflict({ app }: TopicOwner, topic: Topic, { epoch, sequence }: Position): Refusal {
  return refusal(
    'internal',
    `expected the log of ${topic} to have nothing else at ${epoch}:${sequence}, where its owner (${app}) has stored this message`,
    1_000,
  );
}

function hole({ app }: TopicOwner, topic: Topic, expected: number, sequence: number): Refusal {
  return refusal(
    'outcome_unknown',
    `expected the history of ${app} to have what ${topic} lacks from ${expected} on, before the message ${sequence} that was stored`,
    1_000,
  );
}
