/** Makes the OpenAPI 3.1 description from the table of endpoints and the table of errors. */
import { z } from 'zod';
import { ERRORS, type Reason } from '../../protocol/errors.ts';
import type { Content, Endpoint, Role } from './endpoint.ts';
import { refusalBody } from './schemas.ts';

type Json = Record<string, unknown>;

const INTRODUCTION = [
  'HTTP endpoints of a Signalbox node. Clients speak the WebSocket protocol at `GET /ws` (docs/protocol.md), which OpenAPI cannot describe.',
  'Bodies are read as JSON whatever `Content-Type` says. Refusals have one shape; their reasons are in docs/errors.md.',
  'Endpoints of the role `service` answer `OPTIONS` (CORS) for the origins of `security.allowed_origins`.',
].join(' ');

/** What every endpoint that asks for the role can answer. */
const REASONS_BY_ROLE: Readonly<Record<Role, readonly Reason[]>> = {
  user: [
    'token_missing',
    'token_invalid',
    'token_expired',
    'token_revoked',
    'origin_not_allowed',
    'rate_limited',
    'not_admitting',
  ],
  service: [
    'token_missing',
    'token_invalid',
    'token_expired',
    'token_revoked',
    'origin_not_allowed',
    'not_allowed',
    'rate_limited',
    'not_admitting',
  ],
  admin: ['token_missing', 'token_invalid', 'token_expired', 'token_revoked', 'not_allowed', 'rate_limited'],
};

const SECURITY: Readonly<Record<Role, Json>> = {
  user: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A token of a user.' },
  service: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT', description: 'A token with the role `service`.' },
  admin: { type: 'http', scheme: 'bearer', description: 'The token of operators, or a JWT with the role `admin`.' },
};

/** Headers of more than one answer. */
const SHARED_HEADERS = {
  'X-RateLimit-Limit':
    "Tokens of the full bucket that has the least left: the user's or the node's; of failed tokens with 401.",
  'X-RateLimit-Remaining': 'Tokens that are there.',
  'X-RateLimit-Reset': 'When the bucket is full again, in seconds since 1970.',
  'Retry-After': 'Seconds to wait.',
} as const;

const RATE_HEADERS = ['X-RateLimit-Limit', 'X-RateLimit-Remaining', 'X-RateLimit-Reset'] as const;

/** Schemas that have an id, collected while the endpoints are walked. */
type Components = Record<string, unknown>;

export function openApiDocument(endpoints: readonly Endpoint[], version: string): Json {
  const schemas: Components = {};
  const paths: Record<string, Json> = {};
  for (const endpoint of endpoints) {
    const path = endpoint.path.replaceAll(/:(\w+)/g, '{$1}');
    (paths[path] ??= {})[endpoint.method.toLowerCase()] = operation(endpoint, schemas);
  }
  const roles = [...new Set(endpoints.flatMap(({ role }) => role ?? []))];
  return {
    openapi: '3.1.1',
    info: { title: 'Signalbox', version, description: INTRODUCTION },
    servers: [{ url: '/' }],
    tags: [...new Set(endpoints.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(schemas).toSorted(([a], [b]) => (a < b ? -1 : 1))),
      headers: Object.fromEntries(Object.entries(SHARED_HEADERS).map(([name, text]) => [name, header(text)])),
      securitySchemes: Object.fromEntries(roles.map((role) => [role, SECURITY[role]])),
    },
  };
}

function operation(endpoint: Endpoint, schemas: Components): Json {
  const { operation: operationId, tag, summary, description, role, request } = endpoint;
  return {
    operationId,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(role === undefined ? {} : { security: [{ [role]: [] }] }),
    parameters: parametersOf(endpoint, schemas),
    ...(request === undefined ? {} : { requestBody: { required: true, content: contentOf(request, schemas) } }),
    responses: responsesOf(endpoint, schemas),
  };
}

function parametersOf({ path, parameters, query, headers }: Endpoint, schemas: Components): Json[] {
  const names = [...path.matchAll(/:(\w+)/g)].map(([, name]) => name ?? '');
  const inPath = names.map((name) => [name, parameters?.shape[name] ?? z.string()] as const);
  return [
    ...inPath.map(([name, schema]) => parameter('path', name, schema, schemas)),
    ...Object.entries(query?.shape ?? {}).map(([name, schema]) => parameter('query', name, schema, schemas)),
    ...Object.entries(headers?.shape ?? {}).map(([name, schema]) => parameter('header', name, schema, schemas)),
  ];
}

function parameter(place: string, name: string, type: z.core.$ZodType, schemas: Components): Json {
  const { description, ...schema } = schemaOf(type, schemas);
  return {
    name,
    in: place,
    // Only what is not said is left out; a schema with a default is not required either.
    ...(place === 'path' || !z.safeParse(type, undefined).success ? { required: true } : {}),
    ...(description === undefined ? {} : { description }),
    schema,
  };
}

function responsesOf(endpoint: Endpoint, schemas: Components): Json {
  const { role, response, otherResponses = {}, responseHeaders = {}, reasons = [] } = endpoint;
  const rate = role === 'service' || role === 'user' ? RATE_HEADERS : [];
  const responses: Record<string, Json> = {
    200: { description: 'OK', ...headersOf(rate, responseHeaders), content: contentOf(response, schemas) },
  };
  for (const [status, { description, content }] of Object.entries(otherResponses))
    responses[status] = { description, ...headersOf(rate), content: contentOf(content, schemas) };
  const all = new Set([...reasons, ...(role === undefined ? [] : REASONS_BY_ROLE[role]), 'internal' as const]);
  const byCode = Map.groupBy(all, (reason) => ERRORS[reason].code);
  for (const [code, group] of byCode) {
    const own = responses[code]?.['content'] as { 'application/json': { schema: Json } } | undefined;
    const refused = schemaOf(refusalBody, schemas);
    responses[code] = {
      description: group.map((reason) => `\`${reason}\`: ${ERRORS[reason].when}.`).join('\n\n'),
      ...headersOf(code === 429 || code === 503 ? [...rate, 'Retry-After'] : rate),
      content: {
        'application/json': {
          schema: own === undefined ? refused : { anyOf: [own['application/json'].schema, refused] },
        },
      },
    };
  }
  return responses;
}

function headersOf(shared: readonly (keyof typeof SHARED_HEADERS)[], own: Readonly<Record<string, string>> = {}): Json {
  if (shared.length === 0 && Object.keys(own).length === 0) return {};
  const references = shared.map((name) => [name, { $ref: `#/components/headers/${name}` }] as const);
  const described = Object.entries(own).map(([name, description]) => [name, header(description)] as const);
  return { headers: Object.fromEntries<Json>([...references, ...described]) };
}

function header(description: string): Json {
  return { description, schema: { type: 'string' } };
}

function contentOf(content: Content, schemas: Components): Json {
  const byMediaType = 'byMediaType' in content ? content.byMediaType : { 'application/json': content };
  return Object.fromEntries(
    Object.entries(byMediaType).map(([mediaType, type]) => [mediaType, { schema: schemaOf(type, schemas) }]),
  );
}

/** The JSON schema of a type. A type with an id goes to the components, once for all. */
function schemaOf(type: z.core.$ZodType, schemas: Components): Json {
  // As it is sent, for answers too: readers must expect fields that later versions add.
  const { $defs = {}, $schema: _, ...schema } = moved(z.toJSONSchema(type, { io: 'input', unrepresentable: 'any' }));
  Object.assign(schemas, $defs);
  return schema;
}

function moved(schema: unknown): Json {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as Json;
}
