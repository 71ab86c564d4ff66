import { isRefusal } from '../../broker/broker.ts';
import { quote, refusal } from '../../protocol/errors.ts';
import type { BroadcastFrame } from '../../protocol/frames.ts';
import { isTopicName, qualify } from '../../protocol/topic.ts';
import type { Connection } from '../connection.ts';
import { countPublished, invalidTopic, mayWrite } from './checks.ts';

/** `Broadcast` → `Ack` once the message is durable in the log and routed. */
export function broadcast(connection: Connection, frame: BroadcastFrame): void {
  const { context, principal } = connection;
  if (!isTopicName(frame.topic)) return connection.refuse(frame, invalidTopic(frame.topic));
  if (!context.rights.allows(principal, 'publish', frame.topic)) {
    return connection.refuse(
      frame,
      refusal('not_allowed', `expected a topic that this token may publish to, got ${quote(frame.topic)}`),
    );
  }
  if (!mayWrite(connection, frame)) return;
  const topic = qualify(principal.tenant, frame.topic);
  const draft = {
    payload: frame.payload,
    from: principal.user,
    clientId: frame.id,
    trace: frame.trace,
    idempotencyKey: frame.idempotencyKey,
  };
  context.broker.publish(topic, draft, (outcome) => {
    connection.cell.answer(() => {
      if (isRefusal(outcome)) return connection.refuse(frame, outcome);
      countPublished(connection, outcome);
      const { id, position, duplicate } = outcome;
      connection.acknowledge(frame, {
        replyTo: frame.id,
        status: duplicate ? 'duplicate' : 'delivered',
        topic: frame.topic,
        id,
        position,
        recipients: context.router.recipients(topic),
      });
    }, frame);
  });
}
