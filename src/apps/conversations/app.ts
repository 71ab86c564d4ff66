/** Conversations: members, and messages in tables and in the log under one number. This file puts its rooms together. */
import type { App } from '../app.ts';
import { CHAT_EVENTS } from './chat/events.ts';
import { chatRoutes } from './chat/rest.ts';
import { logLines } from './log-lines.ts';
import { MARKETPLACE_EVENTS } from './marketplace/events.ts';
import { marketplaceRoutes } from './marketplace/rest.ts';
import { memberFrames } from './members/frames.ts';
import { jobsOf } from './members/jobs.ts';
import { repeats } from './members/repeats.ts';
import { mayActLiveOf, mayActOf, readableOf } from './members/rights.ts';
import { memberRoutes } from './members/routes.ts';
import { Standings } from './members/standings.ts';
import { messageFrames } from './messages/frames.ts';
import { claimUploads, unclaimUploads } from '../media/uploads.ts';
import { countsOf } from './counts.ts';
import type { FacadePorts } from './facade-ports.ts';
import { messageTopics } from './messages/topics.ts';
import { namesOf } from './positions/names.ts';
import { offeredBy } from './public.ts';
import { positionParts } from './positions/parts.ts';
import { onlineParts } from './presence/parts.ts';
import { moverOf } from './positions/moving.ts';
import { recountVerb } from './positions/verbs.ts';
import type { SpaceMembers } from './ports.ts';
import { Relay } from './relay.ts';
import { senderOf } from './sending.ts';
import { settings, type Settings } from './settings.ts';
import { LIVE_TOPICS } from './topic.ts';

export interface Options {
  /** The users of a space; without, those that a backend has added. */
  readonly spaces?: SpaceMembers;
}

/** For a program that knows the members of its spaces; the configuration has {@link app}. */
export function conversations({ spaces }: Options = {}): App<Settings> {
  return {
    name: 'conversations',
    settings,
    places: ['/conversations', '/messaging'],
    ephemeral: [LIVE_TOPICS],
    presence: true,
    verbs: [recountVerb],
    database: {
      migrations: new URL('./migrations/', import.meta.url),
      // Clients have seen more than a backup has, under the same numbers: they are told that another history begins.
      restored: 'update conversations.conversations set epoch = substr(md5(random()::text || id), 1, 12)',
    },
    start: (host, given) => {
      const { database } = host;
      if (database === null) throw new Error('expected a database');
      const sender = senderOf(database);
      const ports: FacadePorts = {
        host,
        database,
        settings: given,
        counts: countsOf(host),
        spaces: spaces ?? null,
        sender,
        mover: moverOf(database),
        names: namesOf(database, host.clock),
        uploads: {
          claim: (...naming) => claimUploads(database, ...naming),
          unclaim: (...naming) => unclaimUploads(database, ...naming),
        },
      };
      const rights = { host, standings: new Standings(database, host.scheduler) };
      const relay = new Relay(host, database, repeats(ports));
      const positions = positionParts(host, ports);
      const online = onlineParts(host, ports);
      const jobs = jobsOf(ports);
      const lines = logLines(host);
      return {
        frames: { ...memberFrames(host, ports), ...messageFrames(host, ports), ...positions.frames, ...online.frames },
        routes: [
          ...memberRoutes(host, ports),
          ...positions.routes,
          ...(given.rest.includes('marketplace') ? marketplaceRoutes(host, ports) : []),
          ...(given.rest.includes('chat') ? chatRoutes(host, ports) : []),
        ],
        hooks: {
          ...positions.hooks,
          ...lines,
          connected: async (connection) => {
            void lines.connected(connection);
            online.connected(connection);
            await positions.hooks.connected(connection);
          },
        },
        socketio: given.namespaces.map((namespace) => (namespace === '/' ? MARKETPLACE_EVENTS : CHAT_EVENTS)),
        topics: [
          messageTopics(ports, { mayAct: mayActOf(rights), readable: readableOf(rights) }),
          { pattern: LIVE_TOPICS, mayAct: mayActLiveOf(rights) },
        ],
        offers: offeredBy(ports),
        stop: async () => {
          await Promise.all([relay.stop(), jobs.stop(), online.stop()]);
          await Promise.all([sender.settled(), positions.stop()]);
        },
      };
    },
  };
}

export const app = conversations();
