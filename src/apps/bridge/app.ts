/** The bridge between WhatsApp and Genesys (docs/bridge.md). This file puts its rooms together. */
import type { App, Queue } from '../app.ts';
import type { Conversations } from '../conversations/public.ts';
import type { Host } from '../host-api.ts';
import type { Media } from '../media/public.ts';
import type { Tenants } from '../tenants/public.ts';
import { Pace } from './egress/pace.ts';
import { upkeepOf } from './mapping/upkeep.ts';
import { QUEUES, type Counts, type Ports } from './ports.ts';
import { PLACES, routes } from './routes.ts';
import { settings, type Settings } from './settings.ts';
import { callerOf } from './tokens/call.ts';
import { Credentials } from './tokens/credentials.ts';
import { MemoryTokenStore, type TokenStore } from './tokens/token-store.ts';
import { Tokens } from './tokens/tokens.ts';
import { stagesOfPublished } from './trace/published.ts';
import { UnderwayMessages } from './trace/underway.ts';
import { Troubles } from './troubles.ts';
import { WorkTimes } from './work-times.ts';
import { verbs } from './verbs.ts';
import { Workers } from './workers.ts';

export const app: App<Settings> = {
  name: 'bridge',
  settings,
  uses: ['conversations', 'media', 'tenants'],
  places: PLACES,
  verbs,
  database: { migrations: new URL('./migrations/', import.meta.url) },
  queues: { names: Object.values(QUEUES), isNeeded: true },
  start: async (host, given) => {
    const ports = portsOf(host, given);
    const call = callerOf(host.clock);
    const tokens = new Tokens({
      clock: host.clock,
      scheduler: host.scheduler,
      call,
      store: await tokenStoreOf(host),
      credentials: ports.credentials,
      loginUrl: given.genesys_login_url,
      aheadMs: given.token_ahead_secs * 1_000,
      callMs: given.call_ms,
      count: ports.counts.tokens,
    });
    ports.tenants.onChange((id) => tokens.forget(id));
    const pace = new Pace(given.messages_per_second, host.clock);
    const workers = new Workers({ ...ports, call, tokens, pace });
    const upkeep = upkeepOf(ports);
    host.gauge('messages_in_work', 'Messages of queues that this node works at.', () => workers.inWork);
    return {
      routes: routes(host, ports, tokens),
      health: () => ports.troubles.health(),
      stages: (id) => stagesOfPublished(ports, id),
      stop: async () => {
        await workers.stop();
        await upkeep.stop();
      },
    };
  },
};

function portsOf(host: Host, given: Settings): Ports {
  const { database } = host;
  if (database === null) throw new Error('expected a database');
  const tenants = host.used('tenants') as Tenants;
  const queueOf = (name: keyof typeof QUEUES): Queue => host.queue(QUEUES[name]);
  return {
    host,
    database,
    settings: given,
    tenants,
    conversations: host.used('conversations') as Conversations,
    media: host.used('media') as Media,
    credentials: new Credentials(tenants, host.clock),
    queues: { inbound: queueOf('inbound'), outbound: queueOf('outbound'), desk: queueOf('desk') },
    counts: countsOf(host),
    troubles: new Troubles(host.clock),
    workTimes: new WorkTimes(),
    underway: new UnderwayMessages(),
  };
}

async function tokenStoreOf(host: Host): Promise<TokenStore> {
  const { shared } = host;
  if (shared === null) return new MemoryTokenStore();
  const { sharedTokenStore } = await import('./tokens/redis-token-store.ts');
  return sharedTokenStore(shared, host.clock, `${host.node} ${host.random.id()}`);
}

function countsOf(host: Host): Counts {
  return {
    webhooks: host.counter('webhooks_total', 'Webhooks by side and by how they were answered.', 'outcome'),
    webhookSeconds: host.histogram('webhook_seconds', 'From the whole webhook to its answer.'),
    messages: host.counter('messages_total', 'Messages by where they came to, and how it ended otherwise.', 'outcome'),
    statuses: host.counter('statuses_total', 'Statuses of WhatsApp by what they were.', 'status'),
    media: host.counter('media_total', 'Files of customers by what became of them.', 'state'),
    tokens: host.counter('tokens_total', 'Calls for tokens of Genesys by how they ended.', 'outcome'),
    workSeconds: host.histogram(
      'work_seconds',
      'Work on a message of a queue; `signalbox bridge work` has it by tenant.',
    ),
  };
}
