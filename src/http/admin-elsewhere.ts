/** `?node=` of the admin endpoints that only look: the node that was asked asks the one that is meant. */
import type { Member } from '../control/command.ts';
import type { ViewAnswer, ViewRequest } from '../control/views.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import type { HttpResponse } from '../node/route.ts';
import { refusal } from '../protocol/errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { AdminRequest, AdminRoute } from './admin-access.ts';
import { askAll, type Elsewhere } from './all-nodes.ts';
import { MERGED, ofOneNode, pageOfEach, type View } from './merged-views.ts';
import { MAX_PAGE } from './page-size.ts';

/** Its ids begin with the name of their node, so that nobody has to know where a connection is. */
const BY_ID = '/admin/connections/:id';

/** `?node=*`: every node. */
const ALL = '*';

/**
 * The same routes, for whichever node `?node=` names, or for all of them; without, for this one, or the one that has the
 * connection. The fate of a message and the commands in force are asked of all.
 */
export function onAnyNode(routes: readonly AdminRoute[], elsewhere: Elsewhere): AdminRoute[] {
  return routes.map((route) => ({
    ...route,
    handle: async (given) => {
      const node = given.query.get('node');
      const query = new URLSearchParams(given.query);
      query.delete('node');
      const request = { ...given, query };
      const view = MERGED[route.path];
      if (view !== undefined && (node === ALL || (node === null && view.byDefault)))
        return askEvery(elsewhere, route, request, view);
      if (node === elsewhere.own) return route.handle(request);
      if (node !== null) return askNode(elsewhere, node, route, request);
      const answer = await route.handle(request);
      if (answer.status !== 404 || route.path !== BY_ID) return answer;
      const owner = ownerOf(await elsewhere.bus.members(), request.parameters['id'] ?? '');
      if (owner === undefined || owner.node === elsewhere.own) return answer;
      return askMember(elsewhere, owner, route, request);
    },
  }));
}

/** Answers what another node asks, whatever happens: a rejection that nobody looks at would end this node. */
export async function answerView(routes: readonly AdminRoute[], request: ViewRequest, log: Log): Promise<ViewAnswer> {
  try {
    return await look(routes, request);
  } catch (error) {
    log.error('View for another node failed', { error: error instanceof Error ? error.stack : String(error) });
    return refusalResponse(refusal('internal', 'the node that was asked failed to answer; its log says why'));
  }
}

/** The caller was recognised there. */
async function look(routes: readonly AdminRoute[], { path, parameters, query }: ViewRequest): Promise<ViewAnswer> {
  const route = routes.find((candidate) => candidate.path === path);
  if (route === undefined) return refusalResponse(refusal('not_found', `expected a view of this version, got ${path}`));
  const header = (): undefined => undefined;
  const request = { method: 'GET', path, query: new URLSearchParams(query), header, parameters } as const;
  return route.handle({ ...request, body: '', address: '', who: 'another node' });
}

async function askEvery(
  elsewhere: Elsewhere,
  route: AdminRoute,
  request: AdminRequest,
  view: View,
): Promise<HttpResponse> {
  // A fault of the question is the same on every node.
  const refused = await route.handle(request);
  if (refused.status >= 400) return refused;
  // A node that is alone answers pages however far they reach.
  if (view.isPaged && elsewhere.views === null) return { status: 200, body: ofOneNode(refused.body) };
  const query = view.isPaged ? pageOfEach(request.query) : request.query;
  if (query === null)
    return refusalResponse(
      refusal(
        'invalid_field',
        `query offset: expected offset + limit of at most ${MAX_PAGE} over all nodes; name one with ?node=`,
      ),
    );
  const own = view.isPaged ? await route.handle({ ...request, query }) : refused;
  const { path } = route;
  const answers = await askAll(elsewhere, own, { path, parameters: request.parameters, query: query.toString() });
  return { status: 200, body: view.merge(answers, request.query) };
}

async function askNode(
  elsewhere: Elsewhere,
  node: string,
  route: AdminRoute,
  request: AdminRequest,
): Promise<HttpResponse> {
  const members = await elsewhere.bus.members();
  const member = newest(members.filter((candidate) => candidate.node === node));
  if (member !== undefined) return askMember(elsewhere, member, route, request);
  const names = [...new Set(members.map((candidate) => candidate.node))].join(', ');
  return refusalResponse(refusal('not_found', `expected node to be one of ${names}, got ${JSON.stringify(node)}`));
}

async function askMember(
  { views }: Elsewhere,
  { node, instance }: Member,
  { path }: AdminRoute,
  { parameters, query }: AdminRequest,
): Promise<HttpResponse> {
  const answer = (await views?.ask(instance, { path, parameters, query: query.toString() })) ?? null;
  return (
    answer ??
    refusalResponse(
      refusal('internal', `expected ${node} to answer within two seconds; it did not, or hears nothing`, 1_000),
    )
  );
}

function ownerOf(members: readonly Member[], id: string): Member | undefined {
  const candidates = members.filter(({ node }) => id.startsWith(`${node}-`));
  const longest = Math.max(...candidates.map(({ node }) => node.length));
  return newest(candidates.filter(({ node }) => node.length === longest));
}

/** A node that was killed has its lease for a while beside that of its successor. */
function newest(members: readonly Member[]): Member | undefined {
  return members.toSorted((a, b) => b.started_at - a.started_at)[0];
}
