/** The guide's envelope over WebSocket, and the same messages as a stream of events of one session. */
import type { Refusal } from '../../../protocol/errors.ts';
import type { Dialect, DialectArrival, DialectFrame } from '../../dialect.ts';
import type { Host } from '../../host-api.ts';
import { unknownSession, type Asker, type Ports } from '../ports.ts';
import { findSession } from '../sessions/sessions.ts';
import type { ConnectionCounts } from './connection-counts.ts';
import type { Door } from './door.ts';
import { EnvelopeClient, type EnvelopeSetup } from './envelope-client.ts';
import { messageOf, errorEnvelope } from './envelope-out.ts';
import { placeIn } from './place.ts';
import { PLACE } from './route.ts';

const SESSION = /^[A-Za-z0-9_-]{1,128}$/;
/** Ids of sessions begin so (sessions.ts): other conversations of the user are nothing of the guide. */
const PREFIX = 'assistant-';

export function guideDialects(host: Host, door: Door, ports: Ports, counts: ConnectionCounts): Dialect[] {
  const begin = async (arrival: DialectArrival, wanted: string | null): Promise<EnvelopeClient | Refusal> => {
    const { principal, query } = arrival;
    const problem = door.roleProblem(principal);
    if (problem !== null) return problem;
    const first = wanted === null ? [] : await following(host, ports, principal, wanted, sinceOf(arrival));
    if (host.isRefusal(first)) return first;
    return new EnvelopeClient({
      door,
      now: () => host.clock.now(),
      user: principal.user,
      sessionOf: sessionOf(ports),
      wantsDeltas: wanted !== null || query.get('stream') === '1',
      first,
      isGiven: wanted === null,
      opened: () => counts.opened(),
      ended: () => counts.ended(),
    });
  };
  return [
    {
      over: 'websocket',
      path: `${PLACE}/ws`,
      begin: (arrival) => begin(arrival, arrival.query.get('session_id')),
      refused: (problem, header) => door.answer(problem, 'GET /ws', header),
      told: (problem) => {
        const error = door.refused(problem, 'GET /ws', door.newCorrelation());
        return messageOf(errorEnvelope(error, { at: host.clock.now() })).json;
      },
    },
    {
      over: 'events',
      path: `${PLACE}/sessions/:id/stream`,
      begin: (arrival) => begin(arrival, arrival.parameters['id'] ?? ''),
      refused: (problem, header) => door.answer(problem, 'GET /sessions/:id/stream', header),
    },
  ];
}

/** Where a stream goes on; a browser's last event is newer than the address that it opened. */
function sinceOf({ lastEventId, query }: DialectArrival): string | null {
  return lastEventId ?? query.get('since');
}

/** Frames by which a client follows one session, from a place on or from now on, and is told what is being answered. */
async function following(
  host: Host,
  ports: Ports,
  asker: Asker,
  session: string,
  since: string | null,
): Promise<readonly DialectFrame[] | Refusal> {
  const { conversations } = ports;
  if (!SESSION.test(session) || (await findSession(ports, asker, session)) === null) return unknownSession(ports);
  const [topic, live] = [conversations.topicOf(session), conversations.liveTopicOf(session)];
  const place = since === null ? null : placeIn(session, since);
  if (since !== null && place === null)
    return host.refuse('invalid_field', 'since: expected the id or the sequence of a message of this session', {
      details: { field: 'since' },
    });
  const head = await host.position(topic, asker.tenant);
  if (host.isRefusal(head)) return head;
  // Before the first message there is no epoch, and nothing to go on from.
  const from =
    place === null
      ? {}
      : head.epoch === '' || place.sequence === 0
        ? { from: 'earliest' }
        : { epoch: head.epoch, sequence: place.sequence };
  return [
    { type: 'Subscribe', data: { topics: [{ topic, ...from }, { topic: live }] } },
    { type: 'X-AssistantCurrent', data: { session } },
  ];
}

function sessionOf({ conversations }: Ports): EnvelopeSetup['sessionOf'] {
  const [before, afterLive] = conversations.liveTopicOf('\n').split('\n') as [string, string];
  return (topic) => {
    if (!topic.startsWith(before)) return null;
    const isLive = topic.endsWith(afterLive);
    const session = topic.slice(before.length, isLive ? -afterLive.length : undefined);
    return session.startsWith(PREFIX) ? { session, isLive } : null;
  };
}
