/** The description of all HTTP endpoints, for programs: `/openapi.json`. */
import type { ApplicationRoute } from '../../node/application-route.ts';
import type { Route } from '../../node/route.ts';

/** @param added routes of applications, asked for when they run */
export function openApiRoutes(version: string, added: () => readonly ApplicationRoute[] = () => []): Route[] {
  // Imported and made when it is first asked for: few ever ask, and it takes longer than the rest of a start.
  let document: string | null = null;
  return [
    {
      method: 'GET',
      path: '/openapi.json',
      handle: async () => {
        document ??= await print(version, added());
        return { status: 200, headers: { 'content-type': 'application/json' }, body: document };
      },
    },
  ];
}

async function print(version: string, added: readonly ApplicationRoute[]): Promise<string> {
  const [{ openApiDocument }, { ENDPOINTS }, { describeRoute }] = await Promise.all([
    import('./document.ts'),
    import('./endpoints.ts'),
    import('./application-endpoints.ts'),
  ]);
  return JSON.stringify(openApiDocument([...ENDPOINTS, ...added.map(describeRoute)], version));
}
