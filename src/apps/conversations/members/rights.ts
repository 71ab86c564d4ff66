/** Rights of members on the topics of conversations. */
import type { OwnedTopics } from '../../app.ts';
import type { Ports } from '../ports.ts';
import { conversationOf } from '../topic.ts';
import { may } from './roles.ts';
import type { Standings } from './standings.ts';
import { unknownConversation } from './standing.ts';

export interface RightsPorts extends Pick<Ports, 'host'> {
  readonly standings: Standings;
}

type MayAct = NonNullable<OwnedTopics['mayAct']>;

/** Of the sequenced topic: members hear it, and publish where they may send. */
export function mayActOf({ host, standings }: RightsPorts): MayAct {
  return async ({ tenant, user }, action, topic) => {
    const member = await standings.find(tenant, conversationOf(topic), user);
    // The same words for what is forbidden and what does not exist.
    if (member?.status !== 'active')
      return host.refuse('not_found', 'expected a conversation of this user', { details: { topic } });
    return action === 'publish' ? may(member, 'send') : true;
  };
}

/** What a member may read of the sequenced topic. */
export function readableOf(ports: RightsPorts): NonNullable<OwnedTopics['readable']> {
  return async ({ tenant, user }, topic) => {
    const id = conversationOf(topic);
    const member = await ports.standings.find(tenant, id, user);
    return member?.status === 'active' ? member.history_from : unknownConversation(ports, id);
  };
}

/** Of the live topic: nobody publishes there but the application. */
export function mayActLiveOf(ports: RightsPorts): MayAct {
  const mayAct = mayActOf(ports);
  return (principal, action, topic) => (action === 'publish' ? false : mayAct(principal, action, topic));
}
