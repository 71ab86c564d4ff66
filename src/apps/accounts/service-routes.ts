/** The routes of operators and backends, below `/apps/accounts/`: the role `service`. */
import type { Zod } from '../vocabulary.ts';
import type { AppRoute } from '../app-route.ts';
import type { Host } from '../host-api.ts';
import { createUser, importUsers, pageOfUsers, setPasswordOf, takeMeasure, type Measure } from './administration.ts';
import { MAX_PASSWORD } from './password-rules.ts';
import type { Ports } from './ports.ts';
import { answerOf, callerOf } from './routes.ts';
import { own } from './shapes.ts';

/** Each may need a hash of its own. */
const IMPORT_MS = 60_000;
const MAX_IMPORT = 100;

export function serviceRoutes(host: Host, ports: Ports): AppRoute[] {
  return [
    host.route({
      method: 'POST',
      path: '/apps/accounts/users',
      access: 'service',
      summary: 'Makes an account.',
      body: wanted,
      answers: (z) => ({ 200: z.object({ user: own(z) }) }),
      handle: async (request) =>
        answerOf(await createUser(ports, request.principal, request.body, callerOf(request)), (user) => ({ user })),
    }),
    host.route({
      method: 'POST',
      path: '/apps/accounts/import',
      access: 'service',
      summary: 'Makes accounts; those that are refused are named, the others are made.',
      body: (z) => z.strictObject({ users: z.array(wanted(z)).min(1).max(MAX_IMPORT) }),
      answers: (z) => ({
        200: z.object({
          created: z.int(),
          refused: z.array(z.object({ email: z.string(), reason: z.string() })),
        }),
      }),
      deadlineMs: IMPORT_MS,
      handle: async (request) => ({
        body: await importUsers(ports, request.principal, request.body.users, callerOf(request)),
      }),
    }),
    host.route({
      method: 'GET',
      path: '/apps/accounts/users',
      access: 'service',
      summary: 'Accounts, a page in the order of their ids.',
      query: (z) =>
        z.strictObject({
          after: z.string().max(64).default(''),
          limit: z.coerce.number().int().min(1).max(1_000).default(100),
        }),
      answers: (z) => ({ 200: z.object({ users: z.array(own(z)), next: z.string().nullable() }) }),
      handle: async ({ principal, query }) => ({ body: await pageOfUsers(ports, principal, query) }),
    }),
    measureRoute(host, ports, 'deactivate', 'Deactivates an account: its tokens get 403, its sockets are closed.'),
    measureRoute(host, ports, 'activate', 'Activates an account again.'),
    measureRoute(host, ports, 'revoke', 'Ends all sessions of an account: its tokens get 401, its sockets are closed.'),
    host.route({
      method: 'POST',
      path: '/apps/accounts/users/:user/password',
      access: 'service',
      summary: 'Sets a password, and ends all sessions of the account.',
      body: (z) => z.strictObject({ password: password(z) }),
      answers: (z) => ({ 200: z.object({ user: own(z) }) }),
      handle: async (request) =>
        answerOf(
          await setPasswordOf(
            ports,
            request.principal,
            request.parameters['user'] ?? '',
            request.body.password,
            callerOf(request),
          ),
          (user) => ({ user }),
        ),
    }),
  ];
}

function measureRoute(host: Host, ports: Ports, measure: Measure, summary: string): AppRoute {
  return host.route({
    method: 'POST',
    path: `/apps/accounts/users/:user/${measure}`,
    access: 'service',
    summary,
    answers: (z) => ({ 200: z.object({ user: own(z) }) }),
    handle: async (request) =>
      answerOf(
        await takeMeasure(ports, request.principal, measure, request.parameters['user'] ?? '', callerOf(request)),
        (user) => ({ user }),
      ),
  });
}

function wanted(z: Zod) {
  return z.strictObject({
    email: z.email().max(320),
    displayName: z.string().trim().min(1).max(100).optional(),
    roles: z.array(z.string().min(1).max(64)).max(32).optional(),
    password: password(z).optional(),
    passwordHash: z.string().max(512).optional(),
    // Also a segment of the topic of the profile.
    id: z
      .string()
      .regex(/^[A-Za-z0-9_:-]{1,64}$/, 'letters, digits, _, : and -, at most 64')
      .optional(),
  });
}

function password(z: Zod) {
  return z.string().max(4 * MAX_PASSWORD);
}
