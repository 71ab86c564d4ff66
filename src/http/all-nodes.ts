/** One question to every live node: each answers for itself, and one that does not answer is named. */
import type { ControlBus, Member } from '../control/command.ts';
import type { NodeViews, ViewRequest } from '../control/views.ts';
import type { HttpResponse } from '../node/route.ts';

/** How one node reaches the others. */
export interface Elsewhere {
  /** The name of this node. */
  readonly own: string;
  readonly bus: ControlBus;
  /** `null` where a node is alone. */
  readonly views: NodeViews | null;
}

/** What a node said, or why nothing is known of it. */
export interface NodeAnswer {
  readonly node: string;
  /** `null` when there is a problem. */
  readonly body: Readonly<Record<string, unknown>> | null;
  readonly problem: string | null;
}

/** More nodes than this are named and not asked: one look shall not be work without end. */
const MAX_ASKED = 100;

/** @param own what this node answers */
export async function askAll(
  elsewhere: Elsewhere,
  own: HttpResponse,
  request: ViewRequest,
): Promise<readonly NodeAnswer[]> {
  const { views } = elsewhere;
  const others = await otherNodes(elsewhere);
  const asked = others.slice(0, MAX_ASKED).map(async ({ node, instance }) => {
    const answer = (await views?.ask(instance, request)) ?? null;
    return answered(node, answer, 'did not answer within two seconds, or hears nothing');
  });
  const unasked = others
    .slice(MAX_ASKED)
    .map(({ node }) => failed(node, `was not asked: more than ${MAX_ASKED} nodes; name it with ?node=`));
  const problem = views?.problem ?? null;
  const unreachable = problem === null ? [] : [failed('other nodes', `were not asked: ${problem}`)];
  return [answered(elsewhere.own, own, ''), ...(await Promise.all(asked)), ...unasked, ...unreachable];
}

/** Every other live node, once each: one that was killed has its lease for a while beside that of its successor. */
async function otherNodes({ bus, own }: Elsewhere): Promise<readonly Member[]> {
  const byName = new Map<string, Member>();
  for (const member of await bus.members()) {
    const known = byName.get(member.node);
    if (member.node !== own && (known === undefined || known.started_at < member.started_at))
      byName.set(member.node, member);
  }
  return [...byName.values()];
}

function answered(node: string, answer: HttpResponse | null, silence: string): NodeAnswer {
  if (answer === null) return failed(node, silence);
  const body = (answer.body ?? {}) as Readonly<Record<string, unknown>>;
  if (answer.status < 400) return { node, body, problem: null };
  const { message } = (body['error'] ?? {}) as { message?: string };
  return failed(node, `answered ${answer.status}: ${message ?? 'without a message'}`);
}

function failed(node: string, problem: string): NodeAnswer {
  return { node, body: null, problem };
}
