/** The process of {@link StalledClients}: does what it is told, and answers with what it has counted. */
import { SERVERS } from '../servers.ts';
import { Client } from './client.ts';
import type { StalledOptions } from './stalled-clients.ts';
import { Tally } from './tally.ts';

export type StalledOrder =
  | { readonly type: 'open'; readonly options: StalledOptions }
  | { readonly type: 'pause' | 'resume' | 'count' };

export interface StalledCounts {
  readonly received: number;
  readonly announced: number;
  readonly gaps: number;
  readonly faults: number;
  readonly closed: number;
}

const tally = new Tally();
let clients: Client[] = [];

process.on('disconnect', () => process.exit());
process.on('message', (order: StalledOrder) => {
  void obey(order).then(() => process.send?.(counts()));
});

async function obey(order: StalledOrder): Promise<void> {
  if (order.type === 'open') clients = await open(order.options);
  else if (order.type === 'pause') for (const client of clients) client.pause();
  else if (order.type === 'resume') for (const client of clients) client.resume();
}

function open({ count, payloadBytes, ...options }: StalledOptions): Promise<Client[]> {
  const wire = SERVERS['signalbox-json'].wire(payloadBytes);
  return Promise.all(Array.from({ length: count }, () => Client.open({ ...options, wire, tally, role: 'subscriber' })));
}

function counts(): StalledCounts {
  const { received, announced, gaps, faults, closed } = tally;
  return { received, announced, gaps, faults, closed };
}
