/** The routes of users: guide 003's `/auth` and `/users`, guide 004's `/api/v1`, guide 000's `/auth/verify`. */
import type { Zod } from '../vocabulary.ts';
import { isRefusal, refusal, type Refusal } from '../../protocol/errors.ts';
import { bearerToken } from '../../node/handshake.ts';
import type { AppRoute, RouteRequest, RouteResponse } from '../app-route.ts';
import type { Host } from '../host-api.ts';
import type { Caller } from './audit.ts';
import { login, logout, refresh, type LoggedIn } from './logins.ts';
import { changePassword, me, profile, updateMe } from './own-account.ts';
import { MAX_PASSWORD } from './password-rules.ts';
import type { Ports } from './ports.ts';
import { own, profileOf, session } from './shapes.ts';
import { searchUsers } from './users.ts';

/** A login may wait for those before it. */
const LOGIN_MS = 10_000;
const MAX_BODY = 16_384;
/** Longer than a password, so that the rules answer and not the schema. */
const MAX_TEXT = 4 * MAX_PASSWORD;

export function userRoutes(host: Host, ports: Ports): AppRoute[] {
  return [...sessionRoutes(host, ports), ...profileRoutes(host, ports)];
}

function sessionRoutes(host: Host, ports: Ports): AppRoute[] {
  return [
    host.route({
      method: 'POST',
      path: '/auth/login',
      access: 'public',
      summary: 'Logs in: an access token, and a refresh token that is good once.',
      body: (z) => z.strictObject({ email: z.string().max(320), password: z.string().max(MAX_TEXT) }),
      answers: (z) => ({ 200: session(z) }),
      maxBody: MAX_BODY,
      deadlineMs: LOGIN_MS,
      handle: async (request) => answerOf(await login(ports, request.body, callerOf(request)), (given) => given),
    }),
    refreshRoute(
      host,
      ports,
      '/auth/refresh',
      (z) => session(z),
      (given) => given,
    ),
    // Guide 004 names the access token so.
    refreshRoute(
      host,
      ports,
      '/api/v1/auth/refresh',
      (z) => z.object({ accessToken: z.string(), refreshToken: z.string(), expiresAt: z.iso.datetime() }),
      ({ token: accessToken, refreshToken, expiresAt }) => ({ accessToken, refreshToken, expiresAt }),
    ),
    host.route({
      method: 'POST',
      path: '/auth/logout',
      access: 'user',
      summary: 'Ends the session of this token, with its sockets on all nodes; with everywhere=true all of the user.',
      query: (z) => z.strictObject({ everywhere: z.enum(['true', 'false']).default('false') }),
      body: (z) => z.strictObject({}),
      answers: (z) => ({ 200: z.object({ success: z.literal(true) }) }),
      maxBody: MAX_BODY,
      handle: async (request) =>
        answerOf(
          await logout(ports, request.principal, request.query.everywhere === 'true', callerOf(request)),
          (done) => done,
        ),
    }),
    host.route({
      method: 'POST',
      path: '/auth/password',
      access: 'user',
      summary: 'Changes the own password; all other sessions end.',
      body: (z) => z.strictObject({ currentPassword: z.string().max(MAX_TEXT), newPassword: z.string().max(MAX_TEXT) }),
      answers: (z) => ({ 200: session(z) }),
      maxBody: MAX_BODY,
      deadlineMs: LOGIN_MS,
      handle: async (request) =>
        answerOf(await changePassword(ports, request.principal, request.body, callerOf(request)), (given) => given),
    }),
    host.route({
      method: 'GET',
      path: '/auth/verify',
      access: 'user',
      summary: 'Whether the token is good: whose it is, and until when.',
      answers: (z) => ({
        200: z.object({
          valid: z.literal(true),
          subject: z.string(),
          roles: z.array(z.string()),
          expiresAt: z.iso.datetime().nullable(),
        }),
      }),
      handle: ({ principal: { user, roles, expiresAt } }) => ({
        body: {
          valid: true,
          subject: user,
          roles,
          expiresAt: Number.isFinite(expiresAt) ? new Date(expiresAt).toISOString() : null,
        },
      }),
    }),
  ];
}

function refreshRoute(
  host: Host,
  ports: Ports,
  path: string,
  shape: (z: Zod) => ReturnType<Zod['object']>,
  shaped: (given: LoggedIn) => object,
): AppRoute {
  return host.route({
    method: 'POST',
    path,
    access: 'public',
    summary: 'Exchanges a refresh token, as Bearer or in the body, for the next one and an access token.',
    body: (z) => z.strictObject({ refreshToken: z.string().max(MAX_TEXT).optional() }),
    answers: (z) => ({ 200: shape(z) }),
    maxBody: MAX_BODY,
    handle: async (request) => {
      const token = request.body.refreshToken ?? bearerToken(request.header('authorization') ?? '');
      if (token === null)
        return refusal('token_missing', 'expected a refresh token: Authorization: Bearer, or refreshToken in the body');
      return answerOf(await refresh(ports, token, callerOf(request)), shaped);
    },
  });
}

function profileRoutes(host: Host, ports: Ports): AppRoute[] {
  const text = (z: Zod, max: number) => z.string().trim().min(1).max(max);
  return [
    host.route({
      method: 'GET',
      path: '/users/me',
      access: 'user',
      summary: 'The own account.',
      answers: (z) => ({ 200: z.object({ user: own(z) }) }),
      handle: async ({ principal }) => answerOf(await me(ports, principal), (user) => ({ user })),
    }),
    host.route({
      method: 'PUT',
      path: '/users/me',
      access: 'user',
      summary: 'Changes the own profile. Subscribers of profile.<id> are told.',
      body: (z) =>
        z.strictObject({
          displayName: text(z, 100).optional(),
          avatar: z
            .url({ protocol: /^https?$/ })
            .max(2_000)
            .nullable()
            .optional(),
          bio: text(z, 1_000).nullable().optional(),
        }),
      answers: (z) => ({ 200: z.object({ user: own(z) }) }),
      maxBody: MAX_BODY,
      handle: async (request) =>
        answerOf(await updateMe(ports, request.principal, request.body, callerOf(request)), (user) => ({ user })),
    }),
    host.route({
      method: 'GET',
      path: '/users/search',
      access: 'user',
      summary: 'Users of whose names a word begins with q.',
      query: (z) =>
        z.strictObject({
          q: z.string().trim().min(2).max(100),
          limit: z.coerce.number().int().min(1).max(50).default(20),
        }),
      answers: (z) => ({ 200: z.object({ users: z.array(profileOf(z)), total: z.int() }) }),
      handle: async ({ principal, query }) => ({ body: await searchUsers(ports.database, principal.tenant, query) }),
    }),
    host.route({
      method: 'GET',
      path: '/users/:id',
      access: 'user',
      summary: 'The profile of a user.',
      answers: (z) => ({ 200: z.object({ user: profileOf(z) }) }),
      handle: async ({ principal, parameters }) =>
        answerOf(await profile(ports, principal, parameters['id'] ?? ''), (user) => ({ user })),
    }),
    host.route({
      method: 'GET',
      path: '/api/v1/admin/users/me',
      access: 'user',
      summary: 'The own account, of users with the role admin.',
      answers: (z) => ({ 200: z.object({ user: own(z) }) }),
      handle: async ({ principal }) =>
        principal.roles.includes('admin')
          ? answerOf(await me(ports, principal), (user) => ({ user }))
          : refusal('not_allowed', 'expected a user with the role admin'),
    }),
  ];
}

/** Where a request comes from, for the audit. */
export function callerOf({
  address,
  header,
}: Pick<RouteRequest<'public', unknown, unknown>, 'address' | 'header'>): Caller {
  return { address, agent: header('user-agent')?.slice(0, 200) ?? null };
}

export function answerOf<T extends object>(answer: T | Refusal, shaped: (done: T) => object): RouteResponse | Refusal {
  return isRefusal(answer) ? answer : { body: shaped(answer) };
}
