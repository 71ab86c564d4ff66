/** Messages over REST: asked, read by cursor, waited for, and what becomes of answers. */
import type { Refusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import type { AppRoute, Zod } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import type { Answering } from '../answers/answering.ts';
import { ask, askAgain, stopAnswer } from '../answers/asking.ts';
import { newestAttempt, type NewestAttempt } from '../answers/records.ts';
import type { MessagePage } from '../../conversations/public.ts';
import { unknownSession, type Asker, type Ports } from '../ports.ts';
import { findSession } from '../sessions/sessions.ts';
import { askBody } from '../shapes.ts';
import type { Door } from './door.ts';
import { guideRoute, type GuideAnswer } from './route.ts';
import { noOffset, sessionIn } from './session-routes.ts';
import { endedOf, placeIn, placeOf, type Place } from './place.ts';
import { messageIdOf, shownAnswer, shownMessage, iso } from './shown.ts';

const USUAL = 100;
const MOST_WAIT_SECS = 30;
/** Longer than the longest wait, for the reads before and after it. */
const DEADLINE_MS = 45_000;
/** A poll that waits looks again after so long: the word of another node may be lost. */
const LOOK_MS = 5_000;

export function messageRoutes(host: Host, door: Door, ports: Ports, answering: Answering): AppRoute[] {
  const pages = (path: string, summary: string): AppRoute =>
    guideRoute(
      host,
      door,
      {
        method: 'GET',
        path,
        summary,
        deadlineMs: DEADLINE_MS,
        query: pageQuery,
        answers: (z) => ({ 200: z.object({ success: z.literal(true), data: page(z) }) }),
      },
      (asker, { parameters, query }) => readPage(ports, asker, sessionIn(parameters), query),
    );
  return [
    pages('/sessions/:id/messages', 'Messages after a place, also those that are still to come; or before one.'),
    pages('/sessions/:id/history', 'The same under the name that the guide has for it.'),
    guideRoute(
      host,
      door,
      {
        method: 'POST',
        path: '/sessions/:id/messages',
        summary: 'Asks the model; the same message_id again is told its first place, with 200.',
        body: (z) =>
          z.object({
            content: z.string(),
            message_id: z.string().optional().describe('of the client: the same message is asked once'),
            metadata: metadataBody(z).optional(),
          }),
        answers: (z) => ({
          200: z.object({ success: z.literal(true), data: place(z) }),
          201: z.object({ success: z.literal(true), data: place(z) }),
        }),
      },
      async (asker, { parameters, body: { content, message_id: clientId, metadata = {} }, header }) => {
        const session = sessionIn(parameters);
        const key = clientId ?? header('idempotency-key');
        const { client_name: clientName, context, quick_action: quickAction } = metadata;
        const about = { clientName, context, quickAction };
        const asked = await ask(ports, answering, asker, { session, content, clientId: key, ...about });
        if (host.isRefusal(asked)) return asked;
        const { sequence, timestamp, duplicate } = asked;
        return {
          status: duplicate ? 200 : 201,
          data: {
            id: messageIdOf(session, sequence),
            session_id: session,
            sequence,
            type: 'user',
            created_at: iso(timestamp),
            status: 'delivered',
            duplicate,
            ...(key !== undefined && { client_message_id: key }),
          },
        };
      },
    ),
    guideRoute(
      host,
      door,
      {
        method: 'POST',
        path: '/sessions/:id/regenerate',
        summary: 'Another attempt at the last question.',
        body: (z) => z.looseObject({}),
        answers: (z) => ({ 202: z.object({ success: z.literal(true), data: z.looseObject({}) }) }),
      },
      async (asker, { parameters }) => {
        const session = sessionIn(parameters);
        const again = await askAgain(ports, answering, asker, session);
        if (host.isRefusal(again)) return again;
        const { question, attempt } = again;
        return { status: 202, data: { session_id: session, in_reply_to: messageIdOf(session, question), attempt } };
      },
    ),
    guideRoute(
      host,
      door,
      {
        method: 'POST',
        path: '/sessions/:id/stop',
        summary: 'Ends the answer where it is; what was said stays.',
        body: (z) => z.looseObject({}),
        answers: (z) => ({
          200: z.object({
            success: z.literal(true),
            data: z.object({ session_id: z.string(), was_running: z.boolean() }),
          }),
        }),
      },
      async (asker, { parameters }) => {
        const session = sessionIn(parameters);
        const stopped = await stopAnswer(ports, answering, asker, session);
        if (host.isRefusal(stopped)) return stopped;
        return { data: { session_id: session, was_running: stopped.wasRunning } };
      },
    ),
  ];
}

interface PageQuery {
  readonly since?: string | undefined;
  readonly after?: string | undefined;
  readonly before?: string | undefined;
  readonly limit?: number | undefined;
  readonly wait?: number | undefined;
}

async function readPage(ports: Ports, asker: Asker, session: string, query: PageQuery): Promise<GuideAnswer | Refusal> {
  const { host } = ports;
  const { limit = USUAL, wait = 0 } = query;
  const places: { after?: Place; before?: Place } = {};
  for (const field of ['since', 'after', 'before'] as const) {
    const text = query[field];
    if (text === undefined) continue;
    const place = placeIn(session, text);
    if (place === null)
      return host.refuse('invalid_field', `${field}: expected the id or the sequence of a message of this session`, {
        details: { field },
      });
    places[field === 'before' ? 'before' : 'after'] = place;
  }
  const { after, before } = places;
  const asked = { after: after?.sequence, before: before?.sequence, limit };
  const read = (): Promise<Found | Refusal> => pageOf(ports, asker, session, asked);
  const isWaiting = wait > 0 && after !== undefined && before === undefined;
  const found = isWaiting ? await waitFor(ports, { ...asker, session }, after, wait * 1_000, read) : await read();
  return host.isRefusal(found) ? found : { data: shownPage(session, found, asked, host.clock.now()) };
}

interface Found extends Pick<MessagePage, 'messages' | 'hasMore' | 'total'> {
  readonly answer: NewestAttempt | null;
}

/**
 * Reads until there is a message, or an answer has ended that the client does not know of, or the time is over. It is in the line
 * before it reads, so nothing falls between.
 */
async function waitFor(
  { host, news }: Ports,
  { tenant, user, session }: Asker & { readonly session: string },
  since: Place,
  waitMs: number,
  read: () => Promise<Found | Refusal>,
): Promise<Found | Refusal> {
  const until = host.clock.elapsed() + waitMs;
  let { known } = since;
  for (;;) {
    const woken = Promise.withResolvers<void>();
    const leave = news.wait({ tenant, user, session, wake: woken.resolve });
    try {
      const found = await read();
      const left = until - host.clock.elapsed();
      if (host.isRefusal(found) || found.messages.length > 0 || left <= 0 || leave === null) return found;
      const ended = endedOf(found.answer);
      // A client that does not say which end it knows is told of the next one.
      known ??= ended;
      if (ended !== known) return found;
      const timer = host.scheduler.after(Math.min(left, LOOK_MS), woken.resolve);
      await woken.promise;
      timer.cancel();
    } finally {
      leave?.();
    }
  }
}

async function pageOf(
  ports: Ports,
  asker: Asker,
  session: string,
  asked: { readonly after: number | undefined; readonly before: number | undefined; readonly limit: number },
): Promise<Found | Refusal> {
  const { host, conversations, database } = ports;
  const { tenant, user } = asker;
  if ((await findSession(ports, asker, session)) === null) return unknownSession(ports);
  // The answer first: when it has ended, its message is on the page.
  const answer = await newestAttempt(database, { tenant, session });
  const found = await conversations.messages({ tenant, user }, { conversation: session, ...asked });
  if (host.isRefusal(found)) return found.reason === 'not_found' ? unknownSession(ports) : found;
  return { ...found, answer };
}

function shownPage(
  session: string,
  { messages, hasMore, total, answer }: Found,
  { after = 0, limit }: { readonly after: number | undefined; readonly limit: number },
  now: number,
): JsonValue {
  const [first, last] = [messages[0], messages.at(-1)];
  return {
    session_id: session,
    messages: messages.map(shownMessage),
    answer: shownAnswer(session, answer, now),
    pagination: {
      limit,
      total,
      has_more: hasMore,
      since: placeOf({ sequence: last?.sequence ?? after, known: endedOf(answer) }),
      before: first?.sequence ?? null,
    },
  };
}

/** What is said with a message of its session. */
function metadataBody(z: Zod) {
  const { clientName, context, quickAction } = askBody(z).shape;
  return z.object({ client_name: clientName, context, quick_action: quickAction });
}

function pageQuery(z: Zod) {
  const place = z.string().max(200).optional();
  return z.object({
    since: place.describe(
      'as the page before says; or the id or the sequence of the last message that the client has; 0: from the first',
    ),
    after: place.describe('the same'),
    before: place,
    limit: z.coerce.number().int().min(1).max(100).optional(),
    wait: z.coerce
      .number()
      .min(0)
      .max(MOST_WAIT_SECS)
      .optional()
      .describe('seconds to wait, where there is nothing after since'),
    offset: noOffset(z),
  });
}

function page(z: Zod) {
  return z.object({
    session_id: z.string(),
    messages: z.array(
      z.looseObject({
        id: z.string(),
        session_id: z.string(),
        sequence: z.int(),
        type: z.enum(['user', 'assistant', 'system']),
        content: z.string(),
        metadata: z.looseObject({}),
        created_at: z.iso.datetime(),
        status: z.string().describe('delivered; of an answer that did not come to its end: stopped, failed'),
      }),
    ),
    answer: z.looseObject({ status: z.string() }).nullable().describe('what became of the last question'),
    pagination: z.object({
      limit: z.int(),
      total: z.int().nullable(),
      has_more: z.boolean(),
      since: z.string().describe('for the next request, as it is'),
      before: z.int().nullable().describe('for the page before'),
    }),
  });
}

function place(z: Zod) {
  return z.looseObject({ id: z.string(), sequence: z.int(), duplicate: z.boolean() });
}
