/** The assistant: sessions of users with a model, whose answers stream (docs/assistant.md). */
import type { App } from '../app.ts';
import type { Conversations } from '../conversations/public.ts';
import type { Host } from '../host-api.ts';
import { Answering } from './answers/answering.ts';
import { SharedAnswers } from './answers/shared-answers.ts';
import { Condition } from './condition.ts';
import { assistantFrames } from './frames.ts';
import { guideParts } from './guide/parts.ts';
import { operatorRoutes } from './operator/routes.ts';
import { verbs } from './operator/verbs.ts';
import type { Counts, Ports } from './ports.ts';
import { guardedBy, providerOf } from './providers/chosen.ts';
import type { Provider } from './providers/provider.ts';
import { News } from './sessions/news.ts';
import { upkeepOf } from './sessions/upkeep.ts';
import { settings, type Settings } from './settings.ts';
import { talliesOf } from './tallies.ts';

const MOST_KEPT_ANSWERS = 1_000;

export interface Options {
  /** In place of the one that the configuration names. */
  readonly provider?: Provider;
}

/** For a program that has a provider of its own; the configuration has {@link app}. */
export function assistant({ provider }: Options = {}): App<Settings> {
  return {
    name: 'assistant',
    settings,
    uses: ['conversations'],
    verbs,
    database: { migrations: new URL('./migrations/', import.meta.url) },
    start: (host, given) => {
      const tallies = talliesOf(host);
      const ports = portsOf(host, given, provider ?? providerOf(given, host.scheduler), tallies);
      const answering = new Answering(ports, (event, handler) => host.on(event, handler));
      const upkeep = upkeepOf(ports, host);
      host.gauge('answers_under_way', 'Answers that this node is making.', () => answering.size);
      host.gauge(
        'questions_waiting',
        'Questions that wait for their turn at the provider.',
        () => ports.provider.waiting,
      );
      const guide = given.guide ? guideParts(host, ports, answering, tallies) : undefined;
      return {
        frames: assistantFrames(host, ports, answering),
        ...guide,
        routes: [...(guide?.routes ?? []), ...operatorRoutes(host, ports)],
        health: () => ports.condition.health(ports.provider),
        stop: async () => {
          ports.news.stop();
          await Promise.all([answering.stop(), upkeep.stop()]);
        },
      };
    },
  };
}

export const app = assistant();

function portsOf(host: Host, given: Settings, provider: Provider, counts: Counts): Ports {
  const { database } = host;
  if (database === null) throw new Error('expected a database');
  return {
    host,
    database,
    conversations: host.used('conversations') as Conversations,
    provider: guardedBy(provider, given, host),
    shared: new SharedAnswers({ keepMs: given.cache_secs * 1_000, most: MOST_KEPT_ANSWERS }, host.clock),
    news: new News(host),
    settings: given,
    counts,
    condition: new Condition(host.clock),
  };
}
