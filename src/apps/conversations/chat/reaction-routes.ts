/** Reactions over REST. */
import type { AppRoute, Zod } from '../../app.ts';
import type { RouteResponse } from '../../app-route.ts';
import type { Host } from '../../host-api.ts';
import type { Refusal } from '../../../protocol/errors.ts';
import type { FacadePorts } from '../facade-ports.ts';
import { react, type ReactInput } from '../messages/react.ts';
import { messageIn, operationRoute } from '../operation-route.ts';
import type { Actor } from '../ports.ts';

const PATH = '/conversations/:id/messages/:messageId/reactions';

export function reactionRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  const answers = (z: Zod) => ({ 200: z.object({ success: z.literal(true), emoji: z.string(), count: z.int() }) });
  const reacted = async (actor: Actor, input: ReactInput): Promise<RouteResponse | Refusal> => {
    const done = await react(ports, actor, input);
    return host.isRefusal(done) ? done : { body: { success: true, emoji: input.emoji, count: done.count } };
  };
  return [
    operationRoute(
      host,
      {
        method: 'POST',
        path: PATH,
        summary: 'Gives a message a reaction.',
        body: (z) => z.object({ emoji: z.string() }),
        answers,
      },
      (actor, request) => reacted(actor, { ...messageIn(request), emoji: request.body.emoji }),
    ),
    operationRoute(
      host,
      { method: 'DELETE', path: `${PATH}/:emoji`, summary: 'Takes a reaction back.', answers },
      (actor, request) =>
        reacted(actor, { ...messageIn(request), emoji: request.parameters['emoji'] ?? '', isRemoved: true }),
    ),
  ];
}
