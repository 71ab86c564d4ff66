/** Routes of applications, described like the server's own. */
import { z } from 'zod';
import type { ApplicationRoute } from '../../node/application-route.ts';
import type { Reason } from '../../protocol/errors.ts';
import type { Content, Endpoint } from './endpoint.ts';

const DEFAULT_STATUS = 200;
/** What every route of an application can answer. */
const REASONS: readonly Reason[] = ['application_timeout', 'quarantined', 'not_admitting', 'rate_limited'];

export function describeRoute(route: ApplicationRoute): Endpoint {
  const { app, method, path, access, summary, answers, body, query, writes } = route;
  const { [DEFAULT_STATUS]: first, ...others } = answers;
  const reasons: Reason[] = [...REASONS];
  if (body !== null) reasons.push('payload_too_large', 'over_capacity');
  if (body !== null || query !== null) reasons.push('malformed', 'invalid_field');
  if (writes) reasons.push('read_only');
  return {
    method,
    path,
    operation: operationOf(app, method, path),
    tag: app,
    summary,
    ...(access === 'public' ? {} : { role: access }),
    ...(query instanceof z.ZodObject ? { query } : {}),
    ...(body === null ? {} : { request: contentOf(body) }),
    response: first ?? z.unknown(),
    otherResponses: Object.fromEntries(
      Object.entries(others).map(([status, content]) => [status, { description: `Answer ${status}.`, content }]),
    ),
    reasons,
  };
}

function contentOf(body: z.ZodType | 'bytes' | 'stream'): Content {
  return body === 'bytes' || body === 'stream' ? { byMediaType: { 'application/octet-stream': z.string() } } : body;
}

/** `poll_get_api_polls_by_poll`: no other route has the same method and path. */
function operationOf(app: string, method: string, path: string): string {
  return [app, method.toLowerCase(), ...path.split('/')]
    .join('_')
    .replaceAll(/[^\w]+/g, '')
    .replaceAll(/_+/g, '_');
}
