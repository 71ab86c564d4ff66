/** Conversations: members, and messages in tables and in the log under one number. This file puts its rooms together. */
import type { App, HistoryPage, OwnedTopics } from '../app.ts';
import type { Host } from '../host-api.ts';
import { memberFrames } from './members/frames.ts';
import { Jobs } from './members/jobs.ts';
import { memberRoutes } from './members/routes.ts';
import { mayActLiveOf, mayActOf, readableOf } from './members/rights.ts';
import type { Ports, SpaceMembers } from './ports.ts';
import { Relay } from './relay.ts';
import { senderOf } from './sending.ts';
import { settings, type Settings } from './settings.ts';
import { readPage } from './store.ts';
import { conversationOf, LIVE_TOPICS, TOPICS } from './topic.ts';

export interface Options {
  /** Who takes part in a space; without, those that a backend has added. */
  readonly spaces?: SpaceMembers;
}

/** For a program that knows the members of its spaces; the configuration has {@link app}. */
export function conversations({ spaces }: Options = {}): App<Settings> {
  return {
    name: 'conversations',
    settings,
    database: { migrations: new URL('./migrations/', import.meta.url) },
    start: (host, given) => {
      const { database } = host;
      if (database === null) throw new Error('expected a database');
      const ports: Ports = { host, database, settings: given, spaces: spaces ?? null };
      const sender = senderOf(database);
      const relay = new Relay(host, database);
      const jobs = new Jobs(ports);
      return {
        frames: memberFrames(host, ports),
        routes: memberRoutes(host, ports),
        topics: [ownedTopics(ports, sender), { pattern: LIVE_TOPICS, mayAct: mayActLiveOf(ports) }],
        stop: async () => {
          await Promise.all([relay.stop(), jobs.stop()]);
          await sender.settled();
        },
      };
    },
  };
}

export const app = conversations();

function ownedTopics(ports: Ports, sender: ReturnType<typeof senderOf>): OwnedTopics {
  const { host, database } = ports;
  // The same words for what is forbidden and what does not exist.
  const unknown = (topic: string): ReturnType<Host['refuse']> =>
    host.refuse('not_found', 'expected a conversation of this user', { details: { topic } });
  return {
    pattern: TOPICS,
    mayAct: mayActOf(ports),
    readable: readableOf(ports),
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
