/** Conversations: members, and messages in tables and in the log under one number. This file puts its rooms together. */
import type { App } from '../app.ts';
import { memberFrames } from './members/frames.ts';
import { Jobs } from './members/jobs.ts';
import { mayActLiveOf } from './members/rights.ts';
import { memberRoutes } from './members/routes.ts';
import { messageFrames } from './messages/frames.ts';
import { NO_UPLOADS, type MessagePorts } from './messages/ports.ts';
import { messageTopics } from './messages/topics.ts';
import type { SpaceMembers } from './ports.ts';
import { Relay } from './relay.ts';
import { senderOf } from './sending.ts';
import { settings, type Settings } from './settings.ts';
import { LIVE_TOPICS } from './topic.ts';

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
      const sender = senderOf(database);
      const ports: MessagePorts = {
        host,
        database,
        settings: given,
        spaces: spaces ?? null,
        sender,
        uploads: NO_UPLOADS,
      };
      const relay = new Relay(host, database);
      const jobs = new Jobs(ports);
      return {
        frames: { ...memberFrames(host, ports), ...messageFrames(host, ports) },
        routes: memberRoutes(host, ports),
        topics: [messageTopics(ports), { pattern: LIVE_TOPICS, mayAct: mayActLiveOf(ports) }],
        stop: async () => {
          await Promise.all([relay.stop(), jobs.stop()]);
          await sender.settled();
        },
      };
    },
  };
}

export const app = conversations();
