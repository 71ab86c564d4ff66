import { isRefusal, type Refusal } from '../../protocol/errors.ts';
import { quote, refusal } from '../../protocol/errors.ts';
import type { GetMissedMessagesFrame } from '../../protocol/frames.ts';
import { messageTime } from '../../protocol/position.ts';
import { looksLikePattern } from '../../protocol/topic.ts';
import type { Session } from '../../session/session-store.ts';
import type { Connection } from '../connection.ts';
import { MissedMessages, type MissedResult, type MissedTopic } from '../missed-messages.ts';
import { sessionOf } from '../sessions.ts';
import { ask, pendingProblem, whenReadable } from './checks.ts';
import { nodeName } from '../../service/names.ts';

/** A message id stands for its time minus this much: clocks differ, and a small overlap is better than a hole. */
const OVERLAP_MS = 2_000;

/** `GetMissedMessages` → the missed publications, then `Status missed_messages`. */
export function getMissedMessages(connection: Connection, frame: GetMissedMessagesFrame): void {
  const pending = pendingProblem(connection);
  if (pending !== null) return connection.refuse(frame, pending);
  if (typeof frame.since === 'string' && messageTime(frame.since) === null) {
    return connection.refuse(
      frame,
      refusal(
        'invalid_field',
        `data.since: expected a message id of this server or {topic: {epoch, sequence}}, got ${quote(frame.since)}`,
      ),
    );
  }
  if (frame.sessionId === undefined) return begin(connection, frame, null);
  const id = frame.sessionId;
  const load = (reply: (answer: Session | null | Refusal) => void): void => loadSession(connection, id, reply);
  ask(connection, frame, load, (answer) => {
    if (answer !== null && isRefusal(answer)) return connection.refuse(frame, answer);
    // The same for what belongs to somebody else: clients learn nothing of sessions that are not theirs.
    if (answer === null || !isTheirs(answer, connection))
      return connection.refuse(
        frame,
        refusal('not_found', `expected the id of a session of this user of the last hour, got ${quote(id)}`),
      );
    begin(connection, frame, answer);
  });
}

function isTheirs({ user, tenant }: Session, { principal }: Connection): boolean {
  return user === principal.user && tenant === principal.tenant;
}

/** Also of a connection that is still open: a client often comes back before its old socket is found dead. */
function loadSession(connection: Connection, id: string, reply: (answer: Session | null | Refusal) => void): void {
  const live = connection.context.liveSession(id);
  if (live === undefined) connection.context.sessions.load(id, reply);
  else reply(sessionOf(live));
}

function begin(connection: Connection, frame: GetMissedMessagesFrame, session: Session | null): void {
  const { principal } = connection;
  const wanted = targets(connection, frame, session);
  const names = wanted.map(([name]) => name);
  whenReadable(connection, frame, names, (problems) => {
    const topics: MissedTopic[] = [];
    const refused: Record<string, MissedResult> = {};
    for (const [name, from] of wanted) {
      const reason = problems.get(name)?.reason;
      if (reason === undefined) topics.push({ topic: nodeName(principal, name), name, from });
      else refused[name] = { epoch: '', sequence: 0, recovered: false, reason };
    }
    new MissedMessages(connection, frame, topics, refused).start();
  });
}

/** What is asked for, by the client's names: positions as given, or a time on every topic of the session or connection. */
function targets(
  connection: Connection,
  frame: GetMissedMessagesFrame,
  session: Session | null,
): [string, MissedTopic['from']][] {
  const only = frame.topics === undefined ? null : new Set(frame.topics);
  const wanted = (name: string): boolean => only === null || only.has(name);
  if (typeof frame.since !== 'string') return [...frame.since].filter(([name]) => wanted(name));
  const since = { since: (messageTime(frame.since) ?? 0) - OVERLAP_MS };
  const names = new Set([
    ...(session === null ? [] : [...session.subscriptions, ...Object.keys(session.positions)]),
    ...(session === null ? connection.subscriptions.map(({ topic }) => topic.clientName) : []),
  ]);
  return [...names].filter((name) => !looksLikePattern(name) && wanted(name)).map((name) => [name, since]);
}
