/** What applications give back, held against one another and against the server: everything that is wrong, at once. */
import type { Problem } from '../config/problem.ts';
import { isSupportedPattern, isTopicName, looksLikePattern, overlaps, covers } from '../protocol/topic.ts';
import { CLIENT_FRAME_TYPES } from '../protocol/frames.ts';
import type { AppRoute, Callers, Dialect, Hooks, Parts } from './app.ts';
import { FRAME_TYPE } from './frame-type.ts';

export interface Given {
  /** The application. */
  readonly app: string;
  readonly parts: Parts;
  /** First segments of paths that it claims. */
  readonly places?: readonly string[];
  /** Topics that it never stores. */
  readonly ephemeral?: readonly string[] | undefined;
}

interface Taken {
  readonly by: string;
  readonly what: string;
}

/** @param routes of the server itself */
export function partsProblems(
  given: readonly Given[],
  routes: readonly { readonly method: string; readonly path: string }[],
): Problem[] {
  return [
    ...memberProblems(given),
    ...callerProblems(given),
    ...frameProblems(given),
    ...placeProblems(given, routes),
    ...routeProblems(given, routes),
    ...topicProblems(given),
    ...ephemeralProblems(given),
    ...tableProblems(given),
  ];
}

const PARTS = [
  'frames',
  'routes',
  'topics',
  'hooks',
  'callers',
  'socketio',
  'dialects',
  'deadLetters',
  'stages',
  'health',
  'offers',
  'stop',
] satisfies (keyof Parts)[];
const CALLERS = ['keys', 'admits', 'standing'] satisfies (keyof Callers)[];
const HOOKS = [
  'atOnce',
  'connecting',
  'connected',
  'subscribed',
  'unsubscribed',
  'disconnected',
  'published',
] satisfies (keyof Hooks)[];

/** A part whose name is misspelt would never be called, and nobody would be told. */
function memberProblems(given: readonly Given[]): Problem[] {
  return given.flatMap(({ app, parts }) => [
    ...strangers(`apps.${app}`, 'parts', PARTS, parts),
    ...strangers(`apps.${app}`, 'hooks', HOOKS, parts.hooks ?? {}),
    ...strangers(`apps.${app}`, 'callers', CALLERS, parts.callers ?? {}),
  ]);
}

function strangers(key: string, what: string, known: readonly string[], there: object): Problem[] {
  return Object.keys(there)
    .filter((name) => !known.includes(name))
    .map((name) => ({ key, expected: `${what} of ${known.join(', ')}`, got: quoted(name) }));
}

const KEY_PREFIX = /^[A-Za-z0-9_-]{3,32}$/;
/** The header of a JWT is an object, and so begins with this in base64url. */
const OF_JWTS = 'eyJ';
const HEADER_NAME = /^[a-z][a-z0-9-]{0,63}$/;

function callerProblems(given: readonly Given[]): Problem[] {
  const knowing = given.filter(({ parts }) => parts.callers !== undefined);
  const [first] = knowing;
  return knowing.flatMap(({ app, parts }) => {
    const key = `apps.${app}`;
    const { keys } = parts.callers ?? {};
    if (app !== first?.app)
      return [{ key, expected: 'one application that knows of callers', got: `${first?.app} does too` }];
    if (keys === undefined) return [];
    if (!KEY_PREFIX.test(keys.prefix) || keys.prefix.startsWith(OF_JWTS))
      return [{ key, expected: 'keys with a prefix of 3 to 32 characters [A-Za-z0-9_-]', got: quoted(keys.prefix) }];
    return HEADER_NAME.test(keys.header)
      ? []
      : [{ key, expected: 'keys with the name of a header in lower case', got: quoted(keys.header) }];
  });
}

function frameProblems(given: readonly Given[]): Problem[] {
  const takenBy = new Map<string, string>();
  return given.flatMap(({ app, parts }) =>
    Object.entries(parts.frames ?? {}).flatMap(([type, frame]) => {
      const key = `apps.${app}`;
      if (!FRAME_TYPE.test(type))
        return [
          {
            key,
            expected: 'frame types of X- and letters, digits and -, perhaps with * behind the last -',
            got: quoted(type),
          },
        ];
      const other = takenBy.get(type);
      takenBy.set(type, app);
      if (other !== undefined)
        return [{ key, expected: `frame type ${type} for one application`, got: `it is that of ${other} too` }];
      return typeof frame?.handle === 'function'
        ? []
        : [{ key, expected: `frame type ${type} with a handle(data, caller)`, got: 'none' }];
    }),
  );
}

function routeProblems(
  given: readonly Given[],
  own: readonly { readonly method: string; readonly path: string }[],
): Problem[] {
  const taken = new Map<string, Taken>();
  for (const { method, path } of own) taken.set(shapeOf(method, path), { by: 'the server', what: path });
  return given.flatMap(({ app, parts, places = [] }) =>
    [...(parts.routes ?? []), ...(parts.dialects ?? []).map(asRoute)].flatMap(({ method, path, access }) => {
      const key = `apps.${app}`;
      const wrong = pathProblem([...places, '/api', `/apps/${app}`], method, path, access);
      if (wrong !== null) return [{ key, ...wrong }];
      const shape = shapeOf(method, path);
      const other = taken.get(shape);
      taken.set(shape, { by: app, what: path });
      return other === undefined
        ? []
        : [{ key, expected: `route ${method} ${path} for one alone`, got: `${other.what} is that of ${other.by} too` }];
    }),
  );
}

/** A dialect answers `GET` at its path. */
function asRoute({ path }: Dialect): Pick<AppRoute, 'method' | 'path' | 'access'> {
  return { method: 'GET', path, access: 'user' };
}

/** What the server may answer itself, also where its configuration or another version switches it on. */
const SERVED = [
  'admin',
  'api',
  'apps',
  'frames',
  'health',
  'info',
  'metrics',
  'metrics.json',
  'openapi.json',
  'poll',
  'signalbox',
  'signalbox.js',
  'socket.io',
  'sse',
  'ws',
];

function placeProblems(given: readonly Given[], own: readonly { readonly path: string }[]): Problem[] {
  const served = new Set([...SERVED, ...own.map(({ path }) => path.split('/')[1] ?? '')]);
  return given.flatMap(({ app, places = [] }) =>
    places.flatMap((place) => {
      const key = `apps.${app}`;
      if (typeof place !== 'string' || !/^\/[\w~-][\w.~-]*$/.test(place))
        return [{ key, expected: 'places of / and one literal segment', got: quoted(place) }];
      return served.has(place.slice(1))
        ? [{ key, expected: 'places that the server does not have itself', got: quoted(place) }]
        : [];
    }),
  );
}

function pathProblem(
  places: readonly string[],
  method: string,
  path: string,
  access: string,
): Omit<Problem, 'key'> | null {
  if (!['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].includes(method))
    return { expected: `route ${path} with GET, POST, PUT, PATCH or DELETE`, got: quoted(method) };
  if (!['public', 'user', 'service', 'admin'].includes(access))
    return { expected: `route ${method} ${path} with the access public, user, service or admin`, got: quoted(access) };
  const isPlace = places.some((place) => path.startsWith(`${place}/`) || (path === place && !OWN_PLACE.test(place)));
  if (isPlace && /^(?:\/(?:[\w.~-]+|:[A-Za-z]\w*))+$/.test(path)) return null;
  const below = places.map((place) => `${place}/`).join(' or ');
  return { expected: `routes below ${below}, of literal segments and :name parts`, got: quoted(path) };
}

/** Those of every application: a route is below them. */
const OWN_PLACE = /^\/api$|^\/apps\//;

/** Two paths that the same request would reach. */
function shapeOf(method: string, path: string): string {
  return `${method} ${path.replaceAll(/:\w+/g, ':')}`;
}

function topicProblems(given: readonly Given[]): Problem[] {
  const claims: { readonly app: string; readonly pattern: string }[] = [];
  return given.flatMap(({ app, parts }) =>
    (parts.topics ?? []).flatMap(({ pattern }) => {
      const key = `apps.${app}`;
      const isGood = looksLikePattern(pattern) ? isSupportedPattern(pattern) : isTopicName(pattern);
      if (!isGood)
        return [{ key, expected: 'topics by a name, or a pattern with a literal first segment', got: quoted(pattern) }];
      const others = claims.filter((claim) => overlaps(claim.pattern, pattern));
      claims.push({ app, pattern });
      return others.map((other) => ({
        key,
        expected: `topics ${pattern} for one owner`,
        got: `${other.pattern} of ${other.app} has topics in common with it`,
      }));
    }),
  );
}

/** An application has no say in topics that it does not own. */
function ephemeralProblems(given: readonly Given[]): Problem[] {
  return given.flatMap(({ app, parts, ephemeral = [] }) =>
    ephemeral
      .filter((pattern) => !(parts.topics ?? []).some((owned) => covers(owned.pattern, pattern)))
      .map((pattern) => ({
        key: `apps.${app}`,
        expected: 'ephemeral topics that a pattern of its own topics covers',
        got: quoted(pattern),
      })),
  );
}

const NAMESPACE = /^\/(?:[A-Za-z0-9_-]{1,64})?$/;
/** What a table may make of events: answers to `GetMissedMessages` come as frames that no event is made of. */
const OWN_TYPES = new Set<string>(CLIENT_FRAME_TYPES.filter((type) => type !== 'GetMissedMessages'));

function tableProblems(given: readonly Given[]): Problem[] {
  const takenBy = new Map<string, string>();
  return given.flatMap(({ app, parts }) =>
    (parts.socketio ?? []).flatMap((table) => {
      const key = `apps.${app}`;
      const { namespace, events } = table;
      if (typeof namespace !== 'string' || !NAMESPACE.test(namespace))
        return [{ key, expected: 'namespaces / or / and 1 to 64 letters, digits, _ and -', got: quoted(namespace) }];
      const other = takenBy.get(namespace);
      takenBy.set(namespace, app);
      if (other !== undefined)
        return [{ key, expected: `namespace ${namespace} for one application`, got: `it is that of ${other} too` }];
      return Object.entries(events ?? {})
        .filter(([, event]) => !(OWN_TYPES.has(event?.type) || FRAME_TYPE.test(event?.type)))
        .map(([name, event]) => ({
          key,
          expected: `event ${name} of ${namespace} with the type of a frame that clients may send`,
          got: quoted(event?.type),
        }));
    }),
  );
}

function quoted(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}
