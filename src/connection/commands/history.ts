import { isRefusal, type Refusal } from '../../protocol/errors.ts';
import type { HistoryFrame } from '../../protocol/frames.ts';
import { readProblem } from '../../service/checks.ts';
import { readPage, type HistoryPage } from '../../service/read.ts';
import type { Connection } from '../connection.ts';
import { ask, pendingProblem, whenReadable } from './checks.ts';

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
  const { context, principal } = connection;
  const page = (reply: (answer: HistoryPage | Refusal) => void): void => readPage(context, principal, frame, reply);
  ask(connection, frame, page, (answer) => {
    if (isRefusal(answer)) return connection.refuse(frame, answer);
    const { details, publications } = answer;
    connection.replyPayload(frame, connection.codec.history(frame.id, { ...details }, publications));
  });
}
