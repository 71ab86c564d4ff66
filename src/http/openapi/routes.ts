/** The description of all HTTP endpoints, for programs: `/openapi.json`. */
import type { Route } from '../../node/route.ts';
import type { Endpoint } from './endpoint.ts';
import { openApiDocument } from './document.ts';
import { ENDPOINTS } from './endpoints.ts';

/** @param added endpoints of applications, asked for when they run */
export function openApiRoutes(version: string, added: () => readonly Endpoint[] = () => []): Route[] {
  // Made when it is first asked for: few ever ask, and it takes longer than the rest of a start.
  let document: string | null = null;
  return [
    {
      method: 'GET',
      path: '/openapi.json',
      handle: () => {
        document ??= JSON.stringify(openApiDocument([...ENDPOINTS, ...added()], version));
        return { status: 200, headers: { 'content-type': 'application/json' }, body: document };
      },
    },
  ];
}
