/** Lines that operators look for, with `logging.level = "info,conversations=debug"`: one for each client, and one for each topic that it joins. */
import type { Hooks } from '../app.ts';
import type { Host } from '../host-api.ts';
import { isTopicOf } from './topic.ts';

export function logLines({
  log,
}: Pick<Host, 'log'>): Required<Pick<Hooks, 'connected' | 'disconnected' | 'subscribed'>> {
  return {
    connected: ({ id, principal }) => log.debug('Client connected', { connection_id: id, user: principal.user }),
    disconnected: ({ id }, code) => log.debug('Client disconnected', { connection_id: id, code }),
    subscribed: ({ id, principal }, topic) => {
      if (isTopicOf(topic)) log.debug('Joined conversation room', { connection_id: id, user: principal.user, topic });
    },
  };
}
