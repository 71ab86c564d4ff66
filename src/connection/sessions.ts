/** What is remembered of a connection for the time after it. */
import { hash } from 'node:crypto';
import type { Position } from '../protocol/position.ts';
import type { Session } from '../session/session-store.ts';
import type { Connection } from './connection.ts';
import { nodeName } from '../service/names.ts';
import { isMatchedName } from './subscriptions.ts';

/** A changed session is written after so many beats, and so at most so often. */
const SAVE_AFTER_BEATS = 5;

/** Characters of base64url: 132 bits. */
const SECRET_LENGTH = 22;

/**
 * Made from the number when it is asked for: as a random id it would cost every connection its own string. A plain hash
 * over the secret key, a third of an HMAC's cost: half of it is never told, so nobody can go on from it to another number's.
 */
export function sessionIdOf(key: string, number: number): string {
  const digest = hash('sha256', `${key} ${number}`, 'base64url');
  return `s-${digest.slice(0, SECRET_LENGTH)}-${number.toString(36)}`;
}

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
  // What a pattern has of topics that rest.
  for (const [name, position] of acknowledged ?? []) {
    if (isMatchedName(connection, nodeName(principal, name))) positions[name] ??= position;
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

/** Writes the session, while the subscriptions are still there. */
export function saveSession(connection: Connection): void {
  const { sessions, node } = connection.context;
  connection.sessionDueBeat = sessions.renewAfterBeats === 0 ? -1 : node.beat + sessions.renewAfterBeats;
  if (connection.subscriptions.length === 0 && connection.patterns === null) return;
  // Clients of the others come back at the positions that they have.
  if (connection.over === 'websocket') sessions.save(sessionOf(connection));
}

/** The session has changed: where a crash of the node would lose that, it is written soon, not at once. */
export function sessionChanged(connection: Connection): void {
  const { sessions, node } = connection.context;
  if (!sessions.outlivesNode) return;
  const due = node.beat + SAVE_AFTER_BEATS;
  if (connection.sessionDueBeat === -1 || connection.sessionDueBeat > due) connection.sessionDueBeat = due;
}
