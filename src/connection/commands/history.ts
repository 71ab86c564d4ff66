import { isRefusal } from '../../protocol/errors.ts';
import type { HistoryFrame } from '../../protocol/frames.ts';
import { readProblem } from '../../service/checks.ts';
import { readPage } from '../../service/read.ts';
import type { Connection } from '../connection.ts';
import { pendingProblem, whenReadable } from './checks.ts';

/** `History` → one page of a topic's log as `Status history`. */
export function history(connection: Connection, frame: HistoryFrame): void {
  const { context, principal } = connection;
  const refused = readProblem(context, principal, frame.topic) ?? pendingProblem(connection);
  if (refused !== null) return connection.refuse(frame, refused);
  whenReadable(connection, frame, [frame.topic], (problems) => {
    const problem = problems.get(frame.topic);
    if (problem === undefined) read(connection, frame);
    else connection.refuse(frame, problem);
  });
}

function read(connection: Connection, frame: HistoryFrame): void {
  connection.isAsking = true;
  readPage(connection.context, connection.principal, frame, (page) => {
    connection.cell.answer(() => {
      connection.isAsking = false;
      if (isRefusal(page)) return connection.refuse(frame, page);
      const { details, publications } = page;
      connection.replyPayload(frame, connection.codec.history(frame.id, { ...details }, publications));
    }, frame);
  });
}
