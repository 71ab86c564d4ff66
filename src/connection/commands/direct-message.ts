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
  const { tracing } = context.router;
  const times = tracing.isOn ? tracing.validated(frame) : null;
  context.broker.publish(topic, draft, (outcome) => {
    connection.cell.answer(() => {
      if (isRefusal(outcome)) return connection.refuse(frame, outcome);
      countPublished(connection, outcome);
      if (times !== null) tracing.stored(topic, outcome, principal.user, times);
      const recipients = context.router.recipients(topic);
      const status = outcome.duplicate ? 'duplicate' : recipients > 0 ? 'delivered' : 'queued';
      const place =
        outcome.position === null
          ? {}
          : { id: outcome.id, sequence: outcome.position.sequence, epoch: outcome.position.epoch };
      connection.reply(frame, { type: 'Ack', data: { message_id: frame.id, status, ...place, recipients } });
    }, frame);
  });
}
