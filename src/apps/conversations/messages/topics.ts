/** The sequenced topic of a conversation: publishing to it is sending, and the table has what the log no longer has. */
import type { HistoryPage, OwnedTopics } from '../../app.ts';
import { readPage, type StoredPage } from '../store.ts';
import { conversationOf, TOPICS } from '../topic.ts';
import { Heads } from './heads.ts';
import { published } from './payload.ts';
import { refuseField, type MessagePorts } from './ports.ts';
import { store } from './send.ts';

/** @param rights who may do what, and read from where on */
export function messageTopics(ports: MessagePorts, rights: Pick<OwnedTopics, 'mayAct' | 'readable'>): OwnedTopics {
  const heads = new Heads(ports.database, ports.host.scheduler);
  const standsAt = async (tenant: string, id: string): Promise<StoredPage | null> => {
    const found = await heads.find(tenant, id);
    return found === null ? null : { ...found, messages: [] };
  };
  return {
    pattern: TOPICS,
    ...rights,
    publishing: async (principal, { topic, idempotencyKey, payload }) => {
      if (typeof payload !== 'object' || payload === null || Array.isArray(payload))
        return refuseField(ports, { field: 'payload', problem: 'expected a message: an object with type and content' });
      const sent = await store(ports, principal, {
        conversation: conversationOf(topic),
        // The id of a frame is unique within its connection alone.
        clientId: idempotencyKey,
        body: payload as Readonly<Record<string, unknown>>,
      });
      if (ports.host.isRefusal(sent)) return sent;
      const { epoch, sequence, timestamp, duplicate } = sent;
      return { at: { epoch, sequence }, timestamp, duplicate, payload: sent.payload };
    },
    history: async (topic, { tenant, after, before, limit }): Promise<HistoryPage> => {
      const id = conversationOf(topic);
      const page =
        limit === 0
          ? await standsAt(tenant, id)
          : await readPage(ports.database, { tenant, id }, { after, before, limit });
      if (page === null) return { first: 1, messages: [] };
      const { epoch, head, first } = page;
      return {
        first,
        head: { epoch, sequence: head },
        messages: page.messages.map(({ sequence, n, sender: from, payload, sentAt }) => ({
          at: { epoch, sequence },
          from,
          payload: published(payload, n),
          timestamp: sentAt.getTime(),
        })),
      };
    },
  };
}
