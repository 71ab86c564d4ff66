/** Sessions over REST. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { AppRoute, Zod } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import type { Ports } from '../ports.ts';
import {
  beginSession,
  changeSession,
  deleteSession,
  getSession,
  listSessions,
  restoreSession,
  type SessionInput,
} from '../sessions/sessions.ts';
import { sessionBody } from '../shapes.ts';
import type { Door } from './door.ts';
import { guideRoute } from './route.ts';
import { shownSession } from './shown.ts';

const USUAL = 50;

export function sessionRoutes(host: Host, door: Door, ports: Ports): AppRoute[] {
  const one = (z: Zod) => ({ 200: z.object({ success: z.literal(true), data: session(z) }) });
  const change = (method: 'PUT' | 'PATCH') =>
    guideRoute(
      host,
      door,
      {
        method,
        path: '/sessions/:id',
        summary: 'Changes what a session is about, or closes or opens it.',
        body: (z) => body(z).extend({ status: z.enum(['active', 'closed']).optional() }),
        answers: one,
      },
      async (asker, { parameters, body: { status, ...given } }) => {
        const changed = await changeSession(ports, asker, sessionIn(parameters), { ...inputOf(given), status });
        return host.isRefusal(changed) ? changed : { data: shownSession(changed) };
      },
    );
  return [
    guideRoute(
      host,
      door,
      {
        method: 'POST',
        path: '/sessions',
        summary: 'Begins a session with the model.',
        body,
        answers: (z) => ({ 201: z.object({ success: z.literal(true), data: session(z) }) }),
      },
      async (asker, { body: given }) => {
        const begun = await beginSession(ports, asker, inputOf(given));
        return host.isRefusal(begun) ? begun : { status: 201, data: shownSession(begun) };
      },
    ),
    guideRoute(
      host,
      door,
      {
        method: 'GET',
        path: '/sessions',
        summary: 'The own sessions, those with the newest questions first.',
        query: (z) =>
          z.object({
            limit: z.coerce.number().int().min(1).max(100).optional(),
            cursor: z.string().max(500).optional(),
            status: z.enum(['active', 'closed', 'expired']).optional(),
            offset: noOffset(z),
          }),
        answers: (z) => ({
          200: z.object({ success: z.literal(true), data: z.array(session(z)), pagination: pagination(z) }),
        }),
      },
      async (asker, { query: { limit = USUAL, cursor, status } }) => {
        const page = await listSessions(ports, asker, { limit, status, after: cursor });
        if (host.isRefusal(page)) return page;
        return { data: page.sessions.map(shownSession), more: { pagination: { limit, next_cursor: page.cursor } } };
      },
    ),
    guideRoute(
      host,
      door,
      { method: 'GET', path: '/sessions/:id', summary: 'A session.', answers: one },
      async (asker, { parameters }) => {
        const found = await getSession(ports, asker, sessionIn(parameters));
        return host.isRefusal(found) ? found : { data: shownSession(found) };
      },
    ),
    change('PUT'),
    change('PATCH'),
    guideRoute(
      host,
      door,
      {
        method: 'DELETE',
        path: '/sessions/:id',
        summary: 'Deletes a session; it can be restored for a day.',
        answers: (z) => ({ 200: z.object({ success: z.literal(true), message: z.string() }) }),
      },
      async (asker, { parameters }) => {
        const refused = await deleteSession(ports, asker, sessionIn(parameters));
        return refused ?? { more: { message: 'Chat session deleted successfully' } };
      },
    ),
    guideRoute(
      host,
      door,
      {
        method: 'POST',
        path: '/sessions/:id/restore',
        summary: 'Brings a deleted session back, with its messages.',
        body: (z) => z.looseObject({}),
        answers: one,
      },
      async (asker, { parameters }) => {
        const restored = await restoreSession(ports, asker, sessionIn(parameters));
        return host.isRefusal(restored) ? restored : { data: shownSession(restored) };
      },
    ),
  ];
}

const ID = /^[A-Za-z0-9_-]{1,128}$/;

/** The session of the path. Any other text is the session of nobody: PostgreSQL does not take every text. */
export function sessionIn({ id = '' }: Readonly<Record<string, string>>): string {
  return ID.test(id) ? id : 'none';
}

/** Clients that count from the beginning are told what to do instead; 0 is where everybody begins. */
export function noOffset(z: Zod) {
  return z.literal('0', 'expected cursor, which the page before has, instead of an offset').optional();
}

function body(z: Zod) {
  const { clientName, context, metadata } = sessionBody(z).shape;
  return z.strictObject({ client_name: clientName, context, metadata });
}

interface Given {
  readonly client_name?: string | undefined;
  readonly context?: string | undefined;
  readonly metadata?: Readonly<Record<string, JsonValue>> | undefined;
}

function inputOf({ client_name: clientName, context, metadata }: Given): SessionInput {
  return { clientName, context, metadata };
}

function session(z: Zod) {
  return z.object({
    id: z.string(),
    user_id: z.string(),
    client_name: z.string().nullable(),
    context: z.string().nullable(),
    status: z.enum(['active', 'closed', 'expired']),
    metadata: z.looseObject({}),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
    last_activity: z.iso.datetime(),
    expires_at: z.iso.datetime(),
  });
}

function pagination(z: Zod) {
  return z.object({ limit: z.int(), next_cursor: z.string().nullable() });
}
