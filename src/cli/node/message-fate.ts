/** What applications are told of a message: what the view of all nodes has, in their words. */
import type { MessageFate, MessageRecipient } from '../../apps/host-api.ts';
import type { AdminRoute } from '../../http/admin-access.ts';
import type { TraceAnswer } from '../../http/trace.ts';

const PATH = '/admin/trace/:id';

/** @param views of whichever node */
export async function messageFate(views: readonly AdminRoute[], id: string): Promise<MessageFate> {
  const route = views.find(({ path }) => path === PATH);
  if (route === undefined) throw new Error(`expected a view ${PATH}`);
  const { status, body } = await route.handle({
    method: 'GET',
    path: PATH,
    query: new URLSearchParams(),
    header: () => undefined,
    parameters: { id },
    body: '',
    address: '',
    who: 'an application',
  });
  if (status !== 200)
    throw new RangeError(`fate: expected the id of a message, got ${JSON.stringify(id.slice(0, 100))}`);
  return fateOf(body as TraceAnswer);
}

function fateOf({ message, note, standing, nodes = [] }: TraceAnswer): MessageFate {
  const stages = Object.entries(message?.stages ?? {}).filter(([name]) => !name.includes('.'));
  const recipients: readonly MessageRecipient[] =
    message === null
      ? standing.map(({ node = '', connection_id: connection, user, verdict: end, text: says }) => ({
          node,
          connection,
          user,
          end,
          at: null,
          says,
        }))
      : message.recipients.map(({ node = '', connection_id: connection, user, end, at }) => ({
          node,
          connection,
          user,
          end,
          at,
          says: null,
        }));
  return {
    isTraced: message !== null,
    note,
    epoch: message?.epoch ?? null,
    stages: Object.fromEntries(stages),
    recipients,
    others: message?.others ?? {},
    silent: nodes.flatMap(({ node, problem }) => (problem === null ? [] : [`${node} ${problem}`])),
  };
}
