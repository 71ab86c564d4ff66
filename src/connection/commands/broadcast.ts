import type { Published } from '../../broker/broker.ts';
import { isRefusal, type Refusal } from '../../protocol/errors.ts';
import {
  prepare,
  prepareLater,
  published,
  store,
  traceTimes,
  type Prepared,
  type PublishFrame,
  type TraceTimes,
} from '../../service/publish.ts';
import type { Connection } from '../connection.ts';
import { serveOwnPublication } from '../own-publication.ts';

/** `Broadcast` or `DirectMessage` → `Ack` once the message is durable in the log and routed. */
export function broadcast(connection: Connection, frame: PublishFrame): void {
  const prepared = prepare(connection.context, connection, frame);
  if (prepared === undefined) return broadcastLater(connection, frame);
  // Not by isRefusal, which has seen objects of so many kinds that V8 looks each up in a table.
  if (!('draft' in prepared)) return connection.refuse(frame, prepared);
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
  const times = traceTimes(connection.context, frame);
  let isHandling = true;
  store(connection.context, prepared, (outcome) => {
    // A log in memory answers at once: the frame is still being handled, and this is the end of that.
    if (isHandling) return answer(connection, frame, prepared, outcome, times, false);
    connection.cell.answer(() => answer(connection, frame, prepared, outcome, times, true), frame);
  });
  isHandling = false;
}

function answer(
  connection: Connection,
  frame: PublishFrame,
  prepared: Prepared,
  outcome: Published | Refusal,
  times: TraceTimes,
  isLate: boolean,
): void {
  if (connection.cell.isStopped) return;
  if (!('duplicate' in outcome)) return connection.refuse(frame, outcome);
  const { context, principal } = connection;
  connection.acknowledge(frame, published(context, principal, frame, prepared, outcome, times), isLate);
  serveOwnPublication(connection, prepared.topic);
}
