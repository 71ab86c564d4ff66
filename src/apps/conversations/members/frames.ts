/** Frames on conversations and their members. */
import type { z } from 'zod';
import type { Parts } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import type { Zod } from '../../vocabulary.ts';
import type { Caller, FrameAnswer } from '../../frame.ts';
import type { Ports } from '../ports.ts';
import * as schemas from './frame-schemas.ts';
import { createGroup, openPrivate, openSpace } from './making.ts';
import { addMembers, leave, removeMember, setMember, setOwn } from './membership.ts';
import { archive, getConversation, updateConversation } from './state.ts';

type Operation<Data> = (
  ports: Ports,
  actor: Caller['principal'],
  data: Data,
) => Promise<object | { readonly reason: string }>;

export function memberFrames(host: Host, ports: Ports): NonNullable<Parts['frames']> {
  const frame = <Data>(schema: (z: Zod) => z.ZodType<Data>, operation: Operation<NoInfer<Data>>) =>
    host.frame<Data>({
      schema,
      handle: (data, { principal }) => operation(ports, principal, data) as Promise<FrameAnswer>,
    });
  return {
    'X-ConversationCreate': frame(schemas.created, (_, actor, data) =>
      data.kind === 'private'
        ? openPrivate(ports, actor, data)
        : data.kind === 'group'
          ? createGroup(ports, actor, data)
          : openSpace(ports, actor, data),
    ),
    'X-ConversationGet': {
      ...frame(schemas.page, getConversation),
      writes: false,
    },
    'X-ConversationUpdate': frame(schemas.updated, updateConversation),
    'X-ConversationArchive': frame(schemas.archived, archive),
    'X-ConversationAddMembers': frame(schemas.added, addMembers),
    'X-ConversationRemoveMember': frame(schemas.member, removeMember),
    'X-ConversationLeave': frame(schemas.conversation, leave),
    'X-ConversationSetMember': frame(schemas.set, (_, actor, { user: of, notifications, accept, ...rest }) =>
      of === undefined || of === actor.user
        ? setOwn(ports, actor, { conversation: rest.conversation, notifications, accept })
        : setMember(ports, actor, { ...rest, user: of }),
    ),
  };
}
