/** The description of the HTTP endpoints is valid, complete and true. */
import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { describe, expect, test } from 'vitest';
import type { z } from 'zod';
import type { Endpoint } from '../src/http/openapi/endpoint.ts';
import { ENDPOINTS } from '../src/http/openapi/endpoints.ts';
import { refusalBody } from '../src/http/openapi/schemas.ts';
import { version } from '../src/cli/version.ts';
import { ERRORS } from '../src/protocol/errors.ts';
import { Backend, type Answer } from './harness/backend.ts';
import { startServer } from './harness/server.ts';

interface Description {
  readonly openapi: string;
  readonly info: { readonly version: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface Operation {
  readonly operationId: string;
  readonly security?: readonly object[];
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly required?: boolean }[];
  readonly responses: Readonly<Record<string, { readonly headers?: object }>>;
}

async function served(): Promise<Description> {
  const server = await startServer();
  const response = await server.get('/openapi.json');
  expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json']);
  return (await response.json()) as Description;
}

describe('the description', () => {
  test('is valid OpenAPI 3.1, as served and as a file, which are the same', async () => {
    const description = await served();
    const file: unknown = JSON.parse(readFileSync(new URL('../docs/openapi.json', import.meta.url), 'utf8'));
    expect(file).toEqual(description);
    const validator = new Validator();
    const result = await validator.validate({ ...structuredClone(description) });
    expect(result.errors ?? []).toEqual([]);
    expect([result.valid, validator.version, description.info.version]).toEqual([true, '3.1', version]);
  });

  test('refers to nothing that is not there', async () => {
    const description = await served();
    const references = [...JSON.stringify(description).matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to ?? '');
    expect(references.length).toBeGreaterThan(20);
    for (const reference of new Set(references)) {
      const steps = reference.replace(/^#\//, '').split('/');
      let target: unknown = description;
      for (const step of steps) target = (target as Record<string, unknown>)[step];
      expect(target, reference).toBeDefined();
    }
  });

  test('names every registered route and no other', async () => {
    const { running } = await startServer();
    // A preflight is no operation: it comes with every path that pages may call.
    const registered = running.routes
      .filter(({ method }) => method !== 'OPTIONS')
      .map(({ method, path }) => `${method} ${path}`);
    expect(ENDPOINTS.map(({ method, path }) => `${method} ${path}`).sort()).toEqual(registered.sort());
    const preflights = running.routes.filter(({ method }) => method === 'OPTIONS').map(({ path }) => path);
    expect(preflights.sort()).toEqual(
      [
        ...new Set(ENDPOINTS.filter(({ role }) => role === 'service' || role === 'user').map(({ path }) => path)),
      ].sort(),
    );
  });

  test('has a name of its own for every operation, and says what each takes and answers', async () => {
    const description = await served();
    const operations = Object.values(description.paths).flatMap((item) => Object.values(item));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    expect(operations).toHaveLength(ENDPOINTS.length);
    const { parameters, security, responses } = operations.find(
      ({ operationId }) => operationId === 'history',
    ) as Operation;
    expect(parameters.map((parameter) => [parameter.name, parameter.in, parameter.required ?? false])).toEqual([
      ['topic', 'path', true],
      ['limit', 'query', false],
      ['since', 'query', false],
      ['before', 'query', false],
      ['reverse', 'query', false],
    ]);
    expect(security).toEqual([{ service: [] }]);
    expect(Object.keys(responses)).toEqual(['200', '400', '401', '403', '422', '429', '500', '503']);
    expect(Object.keys(responses['429']?.headers ?? {})).toEqual([
      'X-RateLimit-Limit',
      'X-RateLimit-Remaining',
      'X-RateLimit-Reset',
      'Retry-After',
    ]);
  });
});

/** The schema that an answer of this status has by its description. */
function described({ response, otherResponses, reasons = [], role }: Endpoint, status: number): z.ZodType | null {
  if (status === 200) return 'byMediaType' in response ? (response.byMediaType['application/json'] ?? null) : response;
  const other = otherResponses?.[status];
  if (other !== undefined) return other.content;
  const common = role === undefined ? [] : (['token_missing', 'not_allowed'] as const);
  return [...reasons, ...common].some((reason) => ERRORS[reason].code === status) ? refusalBody : null;
}

/** Fails unless the answer is described, and holds nothing that its description does not know. */
function expectDescribed(endpoint: Endpoint, { status, body }: Answer): void {
  const schema = described(endpoint, status);
  expect(schema, `${endpoint.method} ${endpoint.path} ${status}`).not.toBeNull();
  expect(schema?.parse(body)).toEqual(body);
}

function endpointOf(method: string, path: string): Endpoint {
  const found = ENDPOINTS.find((endpoint) => endpoint.method === method && endpoint.path === path);
  if (found === undefined) throw new Error(`${method} ${path} is not described`);
  return found;
}

describe('answers are as described:', () => {
  test.each(['/health', '/health/live', '/health/ready', '/info', '/metrics.json'])('%s', async (path) => {
    const server = await startServer();
    const endpoint = endpointOf('GET', path);
    expectDescribed(endpoint, await new Backend(server, {}).call('GET', path));
    server.running.node.parts.mode.send({ type: 'REFUSE' });
    expectDescribed(endpoint, await new Backend(server, {}).call('GET', path));
  });

  test('/metrics, in both of its media types', async () => {
    const server = await startServer();
    const { response } = endpointOf('GET', '/metrics');
    const types = 'byMediaType' in response ? Object.keys(response.byMediaType) : [];
    expect(types).toEqual(['text/plain', 'application/json']);
    for (const type of types)
      expect((await server.get('/metrics', { accept: type })).headers.get('content-type')).toContain(type);
    expectDescribed(
      endpointOf('GET', '/metrics'),
      await new Backend(server, { accept: 'application/json' }).call('GET', '/metrics'),
    );
  });

  test('/api/publish', async () => {
    const server = await startServer({
      'websocket.max_message_size': '2000',
      'topics.rules': '[{"pattern":"t.**","history":0}]',
    });
    const backend = await Backend.on(server);
    const endpoint = endpointOf('POST', '/api/publish');
    const item = { topic: 'a.b', payload: 1, id: 'x', idempotency_key: 'k' };
    const bodies = [
      item,
      item,
      { ...item, payload: 2 },
      { target_user: 'bob', payload: 1 },
      { topic: 't.a', payload: 1 },
      [item],
      [item, 5],
      { topic: 'a b', payload: 1 },
      'nonsense',
      ' '.repeat(2_001).concat('{}'),
      { topic: 'a.b', payload: 'x'.repeat(2_001) },
    ];
    const statuses: number[] = [];
    for (const body of bodies) {
      const answer = await backend.post<unknown>(body);
      statuses.push(answer.status);
      expectDescribed(endpoint, answer);
    }
    expect(statuses).toEqual([200, 200, 409, 200, 200, 200, 207, 400, 400, 413, 413]);
    expectDescribed(endpoint, await new Backend(server, {}).post(item));
    expectDescribed(endpoint, await (await Backend.on(server, { roles: [] })).post(item));
  });

  test('/api/topics/:topic', async () => {
    const server = await startServer({ 'topics.rules': '[{"pattern":"t.**","history":0}]' });
    const backend = await Backend.on(server);
    for (let at = 0; at < 3; at += 1) await backend.publish('a.b', at, { id: `i${at}`, trace: 'x' });
    await backend.publish('t.a', 1);
    await backend.post({ target_user: 'shop', payload: 1 });
    const [history, position] = ['history', 'position'].map((name) =>
      endpointOf('GET', `/api/topics/:topic/${name}`),
    ) as [Endpoint, Endpoint];
    for (const topic of ['a.b', '@me', 'never.was', 'a b', 't.a']) {
      expectDescribed(history, await backend.history<unknown>(topic));
      expectDescribed(position, await backend.position<unknown>(topic));
    }
    for (const query of [{ limit: '1' }, { reverse: 'true', limit: '1' }, { since: 'x:1' }, { limit: '0' }])
      expectDescribed(history, await backend.history<unknown>('a.b', query));
  });
});

test('docs/administration.md names every endpoint of operators, and none that there is not', () => {
  const page = readFileSync(new URL('../docs/administration.md', import.meta.url), 'utf8');
  const named = [...page.matchAll(/^\| `(GET|POST|PUT|DELETE) (\/admin\/[^`?]+)/gm)].map(
    ([, method, path]) => `${method} ${path}`,
  );
  const there = ENDPOINTS.filter(({ role }) => role === 'admin').map(({ method, path }) => `${method} ${path}`);
  expect(new Set(named)).toEqual(new Set(there));
});
