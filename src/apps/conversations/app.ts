/**
 * Conversations: members, and messages in tables and in the log under one number. Only the sending transaction and the topics
 * stand so far; the application is not among those that a configuration can name.
 */
import type { Database } from '../../database/database.ts';
import type { App, HistoryPage, OwnedTopics } from '../app.ts';
import type { Host } from '../host-api.ts';
import { Relay } from './relay.ts';
import { senderOf } from './sending.ts';
import { isMember, readPage } from './store.ts';
import { conversationOf, TOPICS } from './topic.ts';

export const app: App = {
  name: 'conversations',
  database: { migrations: new URL('./migrations/', import.meta.url) },
  start: (host) => {
    const { database } = host;
    if (database === null) throw new Error('expected a database');
    const sender = senderOf(database);
    const relay = new Relay(host, database);
    return {
      topics: [ownedTopics(host, database, sender)],
      stop: async () => {
        await relay.stop();
        await sender.settled();
      },
    };
  },
};

function ownedTopics(host: Host, database: Database, sender: ReturnType<typeof senderOf>): OwnedTopics {
  // The same words for what is forbidden and what does not exist.
  const unknown = (topic: string): ReturnType<Host['refuse']> =>
    host.refuse('not_found', 'expected a conversation of this user', { details: { topic } });
  return {
    pattern: TOPICS,
    mayAct: async ({ tenant, user }, _action, topic) =>
      (await isMember(database, tenant, conversationOf(topic), user)) || unknown(topic),
    publishing: async ({ tenant }, { topic, from, idempotencyKey, payload }) => {
      const sent = await sender.put({
        tenant,
        conversation: conversationOf(topic),
        sender: from,
        // The id of a frame is unique within its connection alone.
        clientId: idempotencyKey ?? null,
        payload: JSON.stringify(payload),
      });
      if (sent === null) return unknown(topic);
      const { epoch, sequence, sentAt, isNew } = sent;
      const stored = { at: { epoch, sequence }, timestamp: sentAt.getTime(), duplicate: !isNew };
      return isNew ? stored : { ...stored, payload: JSON.parse(sent.payload) as typeof payload };
    },
    history: async (topic, { tenant, after, before, limit }): Promise<HistoryPage> => {
      const page = await readPage(database, { tenant, id: conversationOf(topic) }, { after, before, limit });
      if (page === null) return { first: 1, messages: [] };
      const { epoch, head, first } = page;
      return {
        first,
        ...(head > 0 && { head: { epoch, sequence: head } }),
        messages: page.messages.map(({ sequence, sender: from, payload, sentAt }) => ({
          at: { epoch, sequence },
          from,
          payload: JSON.parse(payload) as HistoryPage['messages'][number]['payload'],
          timestamp: sentAt.getTime(),
        })),
      };
    },
  };
}
