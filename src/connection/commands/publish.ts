/** What `Broadcast` and `DirectMessage` have in common, over the socket and over HTTP: checks, draft, acknowledgement. */
import type { Principal } from '../../auth/principal.ts';
import type { Draft, Published } from '../../broker/broker.ts';
import type { Acknowledgement } from '../../protocol/codec.ts';
import { notAllowed, quote, type Refusal } from '../../protocol/errors.ts';
import type { BroadcastFrame, DirectMessageFrame } from '../../protocol/frames.ts';
import { directTopic, isTopicName, qualify, type Topic } from '../../protocol/topic.ts';
import type { ConnectionContext } from '../context.ts';
import { invalidTopic, writeProblem } from './checks.ts';

export type PublishFrame = BroadcastFrame | DirectMessageFrame;

/** A message that its sender may publish, and where. */
export interface Prepared {
  readonly topic: Topic;
  readonly draft: Draft;
}

/** What goes to the broker, or why the sender may not publish it now. */
export function prepare(context: ConnectionContext, principal: Principal, frame: PublishFrame): Prepared | Refusal {
  const refused = rightsProblem(context, principal, frame) ?? writeProblem(context);
  if (refused !== null) return refused;
  return {
    topic:
      frame.type === 'Broadcast'
        ? qualify(principal.tenant, frame.topic)
        : directTopic(principal.tenant, frame.targetUser),
    draft: {
      payload: frame.payload,
      from: principal.user,
      clientId: frame.id,
      trace: frame.trace,
      idempotencyKey: frame.idempotencyKey,
    },
  };
}

/**
 * What the `Ack` says. A direct message is `delivered` when its user listens on this node, else `queued`: the same for
 * users that do not exist.
 */
export function acknowledgement(
  frame: PublishFrame,
  { id, position, duplicate }: Published,
  recipients: number,
): Acknowledgement {
  const arrived = frame.type === 'Broadcast' || recipients > 0 ? 'delivered' : 'queued';
  const topic = frame.type === 'Broadcast' ? frame.topic : undefined;
  return { replyTo: frame.id, status: duplicate ? 'duplicate' : arrived, topic, id, position, recipients };
}

/** The same as the `data` of the frame, for HTTP. */
export function acknowledgementData(ack: Acknowledgement): Record<string, unknown> {
  const { replyTo, status, topic, id, position, recipients } = ack;
  const place = position === null ? {} : { id, sequence: position.sequence, epoch: position.epoch };
  return { message_id: replyTo, status, ...(topic === undefined ? {} : { topic }), ...place, recipients };
}

function rightsProblem({ rights }: ConnectionContext, principal: Principal, frame: PublishFrame): Refusal | null {
  if (frame.type === 'DirectMessage') {
    const because = rights.directDenial(principal);
    if (because === null) return null;
    return notAllowed(
      'expected a token with a role that may send direct messages (topics.direct_publish) and with a topics.publish claim that is not empty, if it has one',
      because,
    );
  }
  if (!isTopicName(frame.topic)) return invalidTopic(frame.topic);
  if (rights.allows(principal, 'publish', frame.topic)) return null;
  const because = rights.denial(principal, 'publish', frame.topic) ?? 'no_rule';
  return notAllowed(`expected a topic that this token may publish to, got ${quote(frame.topic)}`, because);
}
