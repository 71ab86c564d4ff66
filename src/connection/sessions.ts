/** What is remembered of a connection for the time after it. */
import type { Position } from '../protocol/position.ts';
import type { Session } from '../session/session-store.ts';
import type { Connection } from './connection.ts';

/** Where sessions outlive the node, a changed one is written at most so often, in beats. */
const SAVE_EVERY_BEATS = 5;

/** The session as it stands: per topic the position last acknowledged, else the one at subscribe. */
export function sessionOf(connection: Connection): Session {
  const { principal, acknowledged } = connection;
  const positions: Record<string, Position> = {};
  for (const { topic, joined, isExplicit } of connection.subscriptions) {
    if (topic.isEphemeral || !topic.isReady) continue;
    const acked = acknowledged?.get(topic.clientName);
    if (isExplicit || acked !== undefined)
      positions[topic.clientName] = acked ?? { epoch: topic.epoch, sequence: joined };
  }
  const named = connection.subscriptions.filter(({ isExplicit }) => isExplicit).map(({ topic }) => topic.clientName);
  return {
    id: connection.sessionId,
    tenant: principal.tenant,
    user: principal.user,
    subscriptions: [...named, ...(connection.patterns ?? [])],
    positions,
    savedAt: connection.context.clock.now(),
  };
}

/** Writes the session at the end of the connection, before its subscriptions end. */
export function saveSession(connection: Connection): void {
  if (connection.subscriptions.length === 0 && connection.patterns === null) return;
  connection.isSessionDirty = false;
  connection.context.sessions.save(sessionOf(connection));
}

/** Writes a changed session now and then, where a crash of the node would lose it otherwise. */
export function saveChangedSession(connection: Connection): void {
  const { context } = connection;
  if (
    !connection.isSessionDirty ||
    !context.sessions.outlivesNode ||
    context.node.beat - connection.savedBeat < SAVE_EVERY_BEATS
  )
    return;
  connection.savedBeat = context.node.beat;
  saveSession(connection);
}
