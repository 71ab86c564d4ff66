import { isRefusal } from '../../protocol/errors.ts';
import {
  prepare,
  prepareLater,
  published,
  store,
  traceTimes,
  type Prepared,
  type PublishFrame,
} from '../../service/publish.ts';
import type { Connection } from '../connection.ts';
import { serveOwnPublication } from '../own-publication.ts';

/** `Broadcast` or `DirectMessage` → `Ack` once the message is durable in the log and routed. */
export function broadcast(connection: Connection, frame: PublishFrame): void {
  const { context, principal } = connection;
  const prepared = prepare(context, principal, frame);
  if (prepared === undefined) return broadcastLater(connection, frame);
  if (isRefusal(prepared)) return connection.refuse(frame, prepared);
  submit(connection, frame, prepared);
}

/** The frames after it wait until it is decided, and not until it is stored: so messages keep their order. */
function broadcastLater(connection: Connection, frame: PublishFrame): void {
  const { context, principal, cell } = connection;
  cell.suspend();
  prepareLater(
    context,
    principal,
    frame,
    () => cell.isStopped,
    (prepared) => {
      cell.answer(() => {
        if (isRefusal(prepared)) connection.refuse(frame, prepared);
        else submit(connection, frame, prepared);
        cell.resume();
      }, frame);
    },
  );
}

function submit(connection: Connection, frame: PublishFrame, prepared: Prepared): void {
  const { context, principal } = connection;
  const times = traceTimes(context, frame);
  store(context, prepared, (outcome) => {
    connection.cell.answer(() => {
      if (isRefusal(outcome)) return connection.refuse(frame, outcome);
      connection.acknowledge(frame, published(context, principal, frame, prepared, outcome, times));
      serveOwnPublication(connection, prepared.topic);
    }, frame);
  });
}
