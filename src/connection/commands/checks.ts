/** What several frame types check alike, beside what the service says of their principal. */
import { refusal, type Refusal } from '../../protocol/errors.ts';
import type { ClientFrame } from '../../protocol/frames.ts';
import { askToRead, readProblem, writeProblem } from '../../service/checks.ts';
import type { Connection } from '../connection.ts';

/** Whether the node takes writes now; if not, the frame is refused. */
export function mayWrite(connection: Connection, frame: ClientFrame): boolean {
  const refused = writeProblem(connection.context);
  if (refused !== null) connection.refuse(frame, refused);
  return refused === null;
}

/**
 * Goes on with a read when it is known which of the topics its client may read. The frames after it do not wait, as they
 * do not wait for the log: a connection reads one thing at a time.
 */
export function whenReadable(
  connection: Connection,
  frame: ClientFrame,
  names: readonly string[],
  then: (problems: ReadonlyMap<string, Refusal>) => void,
): void {
  const { context, principal } = connection;
  const problems = new Map<string, Refusal>();
  const unknown: string[] = [];
  for (const name of names) {
    const problem = readProblem(context, principal, name);
    if (problem === undefined) unknown.push(name);
    else if (problem !== null) problems.set(name, problem);
  }
  if (unknown.length === 0) return then(problems);
  const decide = (reply: (decided: ReadonlyMap<string, Refusal>) => void): void => {
    let open = unknown.length;
    for (const name of unknown) {
      askToRead(context, principal, name, (problem) => {
        if (problem !== null) problems.set(name, problem);
        open -= 1;
        if (open === 0) reply(problems);
      });
    }
  };
  ask(connection, frame, decide, then);
}

/** Asks for what a read needs. Until the answer has come the connection reads nothing else. */
export function ask<T>(
  connection: Connection,
  frame: ClientFrame,
  question: (reply: (answer: T) => void) => void,
  then: (answer: T) => void,
): void {
  connection.isAsking = true;
  question((answer) => {
    connection.cell.answer(() => {
      connection.isAsking = false;
      then(answer);
    }, frame);
  });
}

/** One read of the log at a time: `History`, `GetMissedMessages` and `PresenceGet` share the turn. */
export function pendingProblem({ isAsking, missed }: Connection): Refusal | null {
  if (!isAsking && missed === null) return null;
  return refusal('request_pending', 'expected one History, GetMissedMessages or PresenceGet at a time');
}
