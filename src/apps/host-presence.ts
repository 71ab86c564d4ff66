/** Users in places of an application: presence of the server (docs/presence.md), in topics that no client can name. */
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import { appTopic, isTopicName, tenantOf, wireName } from '../protocol/topic.ts';
import type { Presence } from '../presence/presence.ts';
import type { Calls } from './calls.ts';
import type { HostPresence } from './host-api.ts';
import type { PresencePorts } from './host-ports.ts';

/** Questions to the store at the same time. */
const ASKED_AT_ONCE = 200;

export function hostPresence(calls: Calls, { service, isOpen, deadlineMs }: PresencePorts): HostPresence {
  const { presence } = service;
  const { app } = calls;
  const prefix = wireName(appTopic('', app, ''));
  const topicOf = (tenant: string, place: string): string => {
    if (!isTopicName(place)) throw new RangeError(`presence: expected a place like the name of a topic, got ${place}`);
    return appTopic(tenant, app, place);
  };
  return {
    enter: ({ id, principal: { tenant, user } }, place) => {
      const topic = topicOf(tenant, place);
      if (!isOpen(id) || presence.has(id, topic)) return;
      const identity = { member: user, who: JSON.stringify({ user }).slice(1, -1) };
      // The store is told again when it does not take it.
      presence.enter(id, topic, identity, '{}', () => {});
    },
    leave: ({ id, principal: { tenant } }, place) => presence.leave(id, topicOf(tenant, place), 'left', null),
    present: async (tenant, asked) => {
      const present = new Set<string>();
      for (let at = 0; at < asked.length; at += ASKED_AT_ONCE) {
        const some = asked.slice(at, at + ASKED_AT_ONCE);
        const answers = await Promise.all(
          some.map(({ place, user }) => isPresent(presence, topicOf(tenant, place), user)),
        );
        for (const [index, answer] of answers.entries()) {
          if (typeof answer !== 'boolean') return answer;
          const user = some[index]?.user;
          if (answer && user !== undefined) present.add(user);
        }
      }
      return present;
    },
    onChange: (told) =>
      presence.watch(prefix, (topic, touched) => {
        const place = wireName(topic).slice(prefix.length);
        for (const { member: user, isPresent: is } of touched)
          calls.run(
            { part: 'event', name: 'presence', deadlineMs },
            () => told({ tenant: tenantOf(topic), place, user, isPresent: is }),
            () => {},
          );
      }),
  };
}

function isPresent({ store }: Presence, topic: string, member: string): Promise<boolean | Refusal> {
  return new Promise((resolve) =>
    store.members(topic, { after: '', limit: 1, member }, (page) =>
      resolve(isRefusal(page) ? page : page.members.length > 0),
    ),
  );
}
