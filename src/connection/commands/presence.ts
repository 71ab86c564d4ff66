import type { PresenceFrame, PresenceGetFrame } from '../../protocol/frames.ts';
import { isRefusal, refusal, type Refusal } from '../../protocol/errors.ts';
import { qualify } from '../../protocol/topic.ts';
import type { Applied } from '../../presence/presence-store.ts';
import {
  countPresence,
  enterPresence,
  membersQuery,
  presenceRefusal,
  presentAs,
  readPresence,
  type MembersDetails,
} from '../../service/presence.ts';
import type { Connection } from '../connection.ts';
import { rejection, statusFrame } from '../replies.ts';
import { ask, pendingProblem } from './checks.ts';

/** `Presence` → `Status presence`, when the change is stored; the frames after it do not wait. */
export function presence(connection: Connection, frame: PresenceFrame): void {
  const { context, principal, id } = connection;
  const { topic, action } = frame;
  const service = context.presence;
  const refused = action === 'leave' ? null : presenceRefusal(service, principal, 'enter', topic);
  if (refused !== null) return connection.refuse(frame, refused);
  const name = qualify(principal.tenant, topic);
  const answered = (answer: Applied | Refusal): void =>
    connection.cell.answer(() => answerWith(connection, frame, answer), null);
  if (service === null) return told(connection, frame, {});
  if (action === 'leave') return service.presence.leave(id, name, 'left', answered);
  if (action === 'update' && !service.presence.has(id, name))
    return connection.refuse(frame, refusal('not_found', 'expected to be present in the topic: enter first'));
  const outcome = enterPresence(service, { id, principal }, topic, frame.data ?? '{}', answered);
  if (outcome === 'coalesced') told(connection, frame, { coalesced: true });
  else if (outcome !== null) connection.refuse(frame, outcome);
}

/** `PresenceGet` → `Status presence_members`: a page of who is present in a topic, or how many are in each of several. */
export function presenceGet(connection: Connection, frame: PresenceGetFrame): void {
  const { context, principal } = connection;
  const refused = pendingProblem(connection);
  if (refused !== null) return connection.refuse(frame, refused);
  const service = context.presence;
  if (frame.topics !== undefined) {
    const { topics } = frame;
    return ask<Parameters<Parameters<typeof countPresence>[3]>[0]>(
      connection,
      frame,
      (reply) => countPresence(service, principal, topics, reply),
      (answer) => {
        if (isRefusal(answer)) return connection.refuse(frame, answer);
        const rejected = [...answer.refused].map(([topic, problem]) => rejection(topic, problem));
        connection.reply(frame, statusFrame('presence_counts', { counts: answer.counts, rejected }));
      },
    );
  }
  const query = membersQuery(service, frame);
  if (isRefusal(query)) return connection.refuse(frame, query);
  ask<MembersDetails | Refusal>(
    connection,
    frame,
    (reply) => readPresence(service, principal, query, reply),
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
