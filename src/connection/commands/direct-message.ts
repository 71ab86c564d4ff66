import { isRefusal } from '../../broker/broker.ts';
import { refusal } from '../../protocol/errors.ts';
import type { DirectMessageFrame } from '../../protocol/frames.ts';
import { directTopic } from '../../protocol/topic.ts';
import type { Connection } from '../connection.ts';
import { countPublished, mayWrite } from './checks.ts';

/** `DirectMessage` → `Ack`: `delivered` when the user listens on this node, else `queued`. The same for users that do not exist. */
export function directMessage(connection: Connection, frame: DirectMessageFrame): void {
  const { context, principal } = connection;
  if (!context.rights.allowsDirectMessages(principal)) {
    return connection.refuse(
      frame,
      refusal('not_allowed', 'expected a token with a role that may send direct messages (topics.direct_publish)'),
    );
  }
  if (!mayWrite(connection, frame)) return;
  const topic = directTopic(principal.tenant, frame.targetUser);
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
      const recipients = context.router.recipients(topic);
      const { id, position, duplicate } = outcome;
      const status = duplicate ? 'duplicate' : recipients > 0 ? 'delivered' : 'queued';
      connection.acknowledge(frame, { replyTo: frame.id, status, topic: undefined, id, position, recipients });
    }, frame);
  });
}
