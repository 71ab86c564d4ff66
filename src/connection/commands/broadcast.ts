import { isRefusal } from '../../protocol/errors.ts';
import type { Connection } from '../connection.ts';
import { countPublished } from './checks.ts';
import { acknowledgement, prepare, type PublishFrame } from './publish.ts';

/** `Broadcast` or `DirectMessage` → `Ack` once the message is durable in the log and routed. */
export function broadcast(connection: Connection, frame: PublishFrame): void {
  const { context, principal } = connection;
  const prepared = prepare(context, principal, frame);
  if (isRefusal(prepared)) return connection.refuse(frame, prepared);
  const { topic, draft } = prepared;
  const { tracing } = context.router;
  const times = tracing.isOn ? tracing.validated(frame) : null;
  context.broker.publish(topic, draft, (outcome) => {
    connection.cell.answer(() => {
      if (isRefusal(outcome)) return connection.refuse(frame, outcome);
      countPublished(connection, outcome);
      if (times !== null) tracing.stored(topic, outcome, draft, times);
      connection.acknowledge(frame, acknowledgement(frame, outcome, context.router.recipients(topic)));
    }, frame);
  });
}
