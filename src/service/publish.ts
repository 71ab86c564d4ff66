/**
 * What a message goes through on its way to the log, from a socket, from HTTP and from applications alike. What can be
 * decided at once is ({@link prepare}: no closure, no allocation but its result); the rest takes {@link prepareLater}.
 */
import type { Principal } from '../auth/principal.ts';
import type { Draft, Published, Reply } from '../broker/broker.ts';
import type { Acknowledgement } from '../protocol/codec.ts';
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
import type { BroadcastFrame, DirectMessageFrame } from '../protocol/frames.ts';
import { directTopic, isTopicName, qualify, type Topic } from '../protocol/topic.ts';
import { inTime } from './answer-in-time.ts';
import { writeProblem } from './checks.ts';
import { invalidTopic } from './names.ts';
import type { ServiceContext } from './context.ts';
import { appendStored, isStored } from './owned-append.ts';
import { tellEvents } from './tell-events.ts';
import type { StoredAt, TopicOwner } from './topic-owners.ts';

export type PublishFrame = BroadcastFrame | DirectMessageFrame;

/** Where a principal may publish, as long as no application owns topics: by the rules and its token alone, which do not change. */
interface Target {
  readonly principal: Principal;
  readonly name: string;
  readonly topic: Topic;
}

/** A publisher, and the topic of its last message: most publish to one topic again and again, and ask for the same right each time. */
export interface Sender {
  readonly principal: Principal;
  lastTarget: Target | null;
}

/** A message that its sender may publish, and where. */
export interface Prepared {
  readonly topic: Topic;
  readonly draft: Draft;
  /** Where its owner has stored it; the owner is the topic's. */
  readonly stored: { readonly at: StoredAt; readonly owner: TopicOwner } | null;
}

/** What goes to the broker, or why the sender may not publish it now; `undefined`: somebody has to be asked. */
export function prepare(context: ServiceContext, sender: Sender, frame: PublishFrame): Prepared | Refusal | undefined {
  const { principal } = sender;
  const again = againTo(sender, frame);
  if (again !== null && context.owners === null && !context.node.isReadOnly)
    return { topic: again, draft: draftOf(principal, frame), stored: null };
  const problem = rightsProblem(context, principal, frame);
  if (problem === undefined) return undefined;
  const refused = problem ?? writeProblem(context);
  if (refused !== null) return refused;
  if (context.owners === null && frame.type === 'Broadcast') return remembering(sender, frame);
  const topic = topicOf(principal, frame);
  if (context.owners !== null && publisherOf(context, topic) !== null) return undefined;
  return { topic, draft: draftOf(principal, frame), stored: null };
}

function remembering(sender: Sender, frame: BroadcastFrame): Prepared {
  const { principal } = sender;
  const name = ownText(frame.topic);
  const topic = qualify(principal.tenant, name);
  sender.lastTarget = { principal, name, topic };
  return { topic, draft: draftOf(principal, frame), stored: null };
}

/** The same text in memory of its own: a part of a longer one keeps all of that alive. */
function ownText(part: string): string {
  return ` ${part}`.slice(1);
}

/** The topic where the sender has published last, when the frame is for the same one. */
function againTo({ principal, lastTarget }: Sender, frame: PublishFrame): Topic | null {
  if (lastTarget === null || frame.type !== 'Broadcast') return null;
  return lastTarget.name === frame.topic && lastTarget.principal === principal ? lastTarget.topic : null;
}

/**
 * Asks all that have a say, one after the other: the decider on the topic, then its owner on the message. The answer comes
 * once, and the next message of the same sender waits for it.
 * @param isGone whether the sender is: nothing is published for it any more, and what is stored already is appended
 */
export function prepareLater(
  context: ServiceContext,
  principal: Principal,
  frame: PublishFrame,
  isGone: () => boolean,
  reply: Reply<Prepared>,
): void {
  const decided = (problem: Refusal | null): void => {
    const refused = problem ?? context.revoked(principal) ?? writeProblem(context);
    if (refused !== null) return reply(refused);
    if (isGone()) return reply(gone());
    const topic = topicOf(principal, frame);
    const draft = draftOf(principal, frame);
    const owner = publisherOf(context, topic);
    if (owner === null || frame.type !== 'Broadcast') return reply({ topic, draft, stored: null });
    submit(context, { principal, owner, topic, name: frame.topic, draft }, isGone, reply);
  };
  const known = rightsProblem(context, principal, frame);
  if (known !== undefined || frame.type === 'DirectMessage') decided(known ?? null);
  else context.authorizer.ask(principal, 'publish', frame.topic, decided);
}

/** Gives the message to the log. {@link published} makes the answer to its sender of what comes back. */
export function store(context: ServiceContext, { topic, draft, stored }: Prepared, reply: Reply<Published>): void {
  if (stored === null) context.broker.publish(topic, draft, reply);
  else appendStored(context.broker, topic, stored.owner, stored.at, reply);
}

/** Times of a message that is traced, `null` when none is. */
export type TraceTimes = ReturnType<ServiceContext['router']['tracing']['validated']> | null;

export function traceTimes({ router }: ServiceContext, frame: PublishFrame): TraceTimes {
  return router.tracing.isOn ? router.tracing.validated(frame) : null;
}

/**
 * Counts and tells that a message was published. Answers what the `Ack` says: a direct message is `delivered` when its
 * user listens on this node, else `queued`: the same for users that do not exist.
 */
export function published(
  context: ServiceContext,
  principal: Principal,
  frame: PublishFrame,
  { topic, draft }: Prepared,
  outcome: Published,
  times: TraceTimes,
): Acknowledgement {
  const { counters, router, events } = context;
  const { id, position, duplicate } = outcome;
  if (duplicate) counters.duplicates += 1;
  else counters.published += 1;
  if (times !== null) router.tracing.stored(topic, outcome, draft, times);
  const recipients = router.recipients(topic);
  if (frame.type === 'DirectMessage') {
    const status = duplicate ? 'duplicate' : recipients > 0 ? 'delivered' : 'queued';
    return { replyTo: frame.id, status, topic: undefined, id, position, recipients };
  }
  if (events !== null && !duplicate)
    tellEvents(context, (listening) => listening.published(principal, frame.topic, outcome, draft));
  return {
    replyTo: frame.id,
    status: duplicate ? 'duplicate' : 'delivered',
    topic: frame.topic,
    id,
    position,
    recipients,
  };
}

/** The same as the `data` of the `Ack`, for HTTP. */
export function acknowledgementData(ack: Acknowledgement): Record<string, unknown> {
  const { replyTo, status, topic, id, position, recipients } = ack;
  const place = position === null ? {} : { id, sequence: position.sequence, epoch: position.epoch };
  return { message_id: replyTo, status, ...(topic === undefined ? {} : { topic }), ...place, recipients };
}

interface Submission {
  readonly principal: Principal;
  readonly owner: TopicOwner;
  readonly topic: Topic;
  readonly name: string;
  readonly draft: Draft;
}

/**
 * Has the owner see the message. A message that it has stored is appended, whatever became of the sender: a message that the owner
 * has and the log has not would be a hole.
 */
function submit(
  context: ServiceContext,
  { principal, owner, topic, name, draft }: Submission,
  isGone: () => boolean,
  reply: Reply<Prepared>,
): void {
  const append = (at: StoredAt): void => appendStored(context.broker, topic, owner, at, () => {});
  inTime<Draft | StoredAt | Refusal>(
    context.scheduler,
    context.limits.decisionTimeoutMs,
    (answered) => owner.publishing?.(principal, name, draft, answered),
    {
      answer: (answer) => {
        if (isRefusal(answer)) return reply(answer);
        if (isStored(answer)) {
          if (!isGone()) return reply({ topic, draft: answer.draft, stored: { at: answer, owner } });
          append(answer);
          return reply(gone());
        }
        const refused = context.revoked(principal) ?? writeProblem(context) ?? (isGone() ? gone() : null);
        reply(refused ?? { topic, draft: answer, stored: null });
      },
      missing: () =>
        reply(
          refusal(
            'outcome_unknown',
            `expected the owner of the topic (${owner.app}) to say what became of the message within ${context.limits.decisionTimeoutMs} ms`,
            1_000,
          ),
        ),
      late: (answer) => {
        if (!isRefusal(answer) && isStored(answer)) append(answer);
      },
    },
  );
}

function rightsProblem(
  { authorizer }: ServiceContext,
  principal: Principal,
  frame: PublishFrame,
): Refusal | null | undefined {
  if (frame.type === 'DirectMessage') return authorizer.decideDirect(principal);
  if (!isTopicName(frame.topic)) return invalidTopic(frame.topic);
  return authorizer.decide(principal, 'publish', frame.topic);
}

function topicOf({ tenant }: Principal, frame: PublishFrame): Topic {
  return frame.type === 'Broadcast' ? qualify(tenant, frame.topic) : directTopic(tenant, frame.targetUser);
}

function draftOf({ user }: Principal, { payload, id, trace, idempotencyKey }: PublishFrame): Draft {
  return { payload, from: user, clientId: id, trace, idempotencyKey };
}

/** The owner that wants to see messages of a topic before they are published. */
function publisherOf({ owners }: ServiceContext, topic: Topic): TopicOwner | null {
  const owner = owners?.of(topic) ?? null;
  return owner === null || owner.publishing === null ? null : owner;
}

function gone(): Refusal {
  return refusal('outcome_unknown', 'expected a sender that is still there');
}
