import type { PresenceFrame, PresenceGetFrame } from '../../protocol/frames.ts';
import { isRefusal, refusal, type Refusal } from '../../protocol/errors.ts';
import { qualify } from '../../protocol/topic.ts';
import type { Applied } from '../../presence/presence-store.ts';
import type { Coalesced } from '../../presence/presence.ts';
import {
  countPresence,
  enterPresence,
  membersQuery,
  presentAs,
  readPresence,
  type MembersDetails,
} from '../../service/presence.ts';
import { askAboutPresence, presenceProblem } from '../../service/presence-rights.ts';
import type { Connection } from '../connection.ts';
import { rejection, statusFrame } from '../replies.ts';
import { ask, pendingProblem } from './checks.ts';

/** `Presence` → `Status presence`, when the change is stored; the frames after it do not wait. */
export function presence(connection: Connection, frame: PresenceFrame): void {
  const { context, principal } = connection;
  if (frame.action === 'leave') return leave(connection, frame);
  const problem = presenceProblem(context, principal, 'presence.enter', frame.topic);
  if (problem === undefined) return presenceLater(connection, frame);
  answerAtOnce(connection, frame, problem ?? change(connection, frame));
}

/**
 * The frames after it wait until its owner has decided. It takes effect in the moment of the decision: a change of rights
 * that comes then finds it.
 */
function presenceLater(connection: Connection, frame: PresenceFrame): void {
  const { context, principal, cell } = connection;
  cell.suspend();
  askAboutPresence(context, principal, 'presence.enter', frame.topic, (problem) => {
    const outcome = problem ?? (connection.isOpen ? change(connection, frame) : null);
    cell.answer(() => {
      answerAtOnce(connection, frame, outcome);
      cell.resume();
    }, frame);
  });
}

function leave(connection: Connection, frame: PresenceFrame): void {
  const { context, principal, id } = connection;
  if (context.presence === null) return told(connection, frame, {});
  const { presence: own } = context.presence;
  own.leave(id, qualify(principal.tenant, frame.topic), 'left', whenStored(connection, frame));
}

function change(connection: Connection, frame: PresenceFrame): Refusal | Coalesced | null {
  const { context, principal, id } = connection;
  const { topic, action, data } = frame;
  const service = context.presence;
  if (service === null) return refusal('internal', 'expected presence');
  if (action === 'update' && !service.presence.has(id, qualify(principal.tenant, topic)))
    return refusal('not_found', 'expected to be present in the topic: enter first');
  return enterPresence(service, { id, principal }, topic, data ?? '{}', whenStored(connection, frame));
}

/** @param outcome `null`: the answer comes when it is stored */
function answerAtOnce(connection: Connection, frame: PresenceFrame, outcome: Refusal | Coalesced | null): void {
  if (outcome === 'coalesced') told(connection, frame, { coalesced: true });
  else if (outcome !== null) connection.refuse(frame, outcome);
}

function whenStored(connection: Connection, frame: PresenceFrame): (answer: Applied | Refusal) => void {
  return (answer) => connection.cell.answer(() => answerWith(connection, frame, answer), null);
}

/** `PresenceGet` → `Status presence_members`: a page of who is present in a topic, or how many are in each of several. */
export function presenceGet(connection: Connection, frame: PresenceGetFrame): void {
  const { context, principal } = connection;
  const refused = pendingProblem(connection);
  if (refused !== null) return connection.refuse(frame, refused);
  if (frame.topics !== undefined) {
    const { topics } = frame;
    return ask<Parameters<Parameters<typeof countPresence>[3]>[0]>(
      connection,
      frame,
      (reply) => countPresence(context, principal, topics, reply),
      (answer) => {
        if (isRefusal(answer)) return connection.refuse(frame, answer);
        const rejected = [...answer.refused].map(([topic, problem]) => rejection(topic, problem));
        connection.reply(frame, statusFrame('presence_counts', { counts: answer.counts, rejected }));
      },
    );
  }
  const query = membersQuery(context.presence, frame);
  if (isRefusal(query)) return connection.refuse(frame, query);
  ask<MembersDetails | Refusal>(
    connection,
    frame,
    (reply) => readPresence(context, principal, query, reply),
    (answer) => {
      if (isRefusal(answer)) return connection.refuse(frame, answer);
      connection.reply(frame, statusFrame('presence_members', { ...answer }));
    },
  );
}

function answerWith(connection: Connection, frame: PresenceFrame, answer: Applied | Refusal): void {
  if (!connection.isOpen) return;
  if (isRefusal(answer)) return connection.refuse(frame, answer);
  const { position, count } = answer;
  told(connection, frame, position.sequence === 0 ? {} : { count, epoch: position.epoch, sequence: position.sequence });
}

function told(connection: Connection, frame: PresenceFrame, more: Readonly<Record<string, unknown>>): void {
  const { context, principal, id } = connection;
  const { topic, action } = frame;
  const as =
    context.presence === null ? { user: principal.user } : presentAs(context.presence, { id, principal }, topic);
  connection.reply(frame, statusFrame('presence', { topic, action, ...as, ...more }));
}
