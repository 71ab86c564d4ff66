/** The description of all HTTP endpoints, for programs: `/openapi.json`. */
import type { Route } from '../../node/route.ts';
import { openApiDocument } from './document.ts';
import { ENDPOINTS } from './endpoints.ts';

export function openApiRoutes(version: string): Route[] {
  // Made when it is first asked for: few ever ask, and it takes longer than the rest of a start.
  let document: string | null = null;
  return [
    {
      method: 'GET',
      path: '/openapi.json',
      handle: () => {
        document ??= JSON.stringify(openApiDocument(ENDPOINTS, version));
        return { status: 200, headers: { 'content-type': 'application/json' }, body: document };
      },
    },
  ];
}
