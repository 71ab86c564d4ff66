/** Members over REST. */
import type { AppRoute } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import type { FacadePorts } from '../facade-ports.ts';
import { CHAT_NAMES, renamed } from '../field-names.ts';
import { addMembers, leave, removeMember } from '../members/members.ts';
import { conversationIn, operationRoute, textOf } from '../operation-route.ts';
import type { Role } from '../tables.ts';

const MAX_USERS = 100;

export function memberRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  return [
    operationRoute(
      host,
      {
        method: 'POST',
        path: '/conversations/:id/members',
        summary: 'Adds members to a group or a space.',
        body: (z) =>
          z.object({
            userIds: z.array(textOf(z)).min(1).max(MAX_USERS),
            role: z.enum(['ADMIN', 'MODERATOR', 'MEMBER', 'READER']).optional(),
          }),
        answers: (z) => ({ 200: z.object({ success: z.literal(true), added: z.array(z.string()) }) }),
      },
      async (actor, request) => {
        const { userIds: users, role } = request.body;
        const as = role?.toLowerCase() as Role | undefined;
        const done = await addMembers(ports, actor, { conversation: conversationIn(request), users, role: as });
        return host.isRefusal(done) ? renamed(done, CHAT_NAMES) : { body: { success: true, added: done.added } };
      },
    ),
    operationRoute(
      host,
      {
        method: 'DELETE',
        path: '/conversations/:id/members/:userId',
        summary: 'Removes a member, or leaves where that is oneself.',
        answers: (z) => ({ 200: z.object({ success: z.literal(true) }) }),
      },
      async (actor, request) => {
        const conversation = conversationIn(request);
        const { userId: user = '' } = request.parameters;
        const done = await (user === actor.user
          ? leave(ports, actor, { conversation })
          : removeMember(ports, actor, { conversation, user }));
        return host.isRefusal(done) ? renamed(done, CHAT_NAMES) : { body: { success: true } };
      },
    ),
  ];
}
