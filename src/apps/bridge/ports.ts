/** What the operations of the bridge work with, so that they run in tests without a server. */
import type { Database } from '../../database/database.ts';
import type { Queue } from '../../queue/queue.ts';
import type { Conversations } from '../conversations/public.ts';
import type { Counter, Host, Observations } from '../host-api.ts';
import type { Media } from '../media/public.ts';
import type { Tenants } from '../tenants/public.ts';
import type { Credentials } from './tokens/credentials.ts';
import type { Settings } from './settings.ts';
import type { UnderwayMessages } from './trace/underway.ts';
import type { Troubles } from './troubles.ts';
import type { WorkTimes } from './work-times.ts';

/** Names of queues as guide 002 has them; the third is what a queue between our two sides needs beside them. */
export const QUEUES = {
  inbound: 'inbound-whatsapp-messages',
  outbound: 'outbound-genesys-messages',
  desk: 'inbound-genesys-messages',
} as const;

/** The sender of what agents at Genesys write, and a member of each conversation; no user may have this name. */
export const DESK = 'genesys';

export interface Ports {
  readonly host: Pick<
    Host,
    | 'node'
    | 'publish'
    | 'subscribe'
    | 'emit'
    | 'refuse'
    | 'isRefusal'
    | 'background'
    | 'clock'
    | 'scheduler'
    | 'random'
    | 'log'
    | 'fate'
  >;
  readonly database: Database;
  readonly settings: Settings;
  readonly tenants: Tenants;
  readonly conversations: Conversations;
  readonly media: Media;
  readonly credentials: Credentials;
  readonly queues: { readonly [Name in keyof typeof QUEUES]: Queue };
  readonly counts: Counts;
  readonly troubles: Troubles;
  readonly workTimes: WorkTimes;
  readonly underway: UnderwayMessages;
}

/** Metrics. */
export interface Counts {
  /** Webhooks by how they were answered. */
  readonly webhooks: Counter;
  readonly webhookSeconds: Observations;
  /** Messages by where they came to: `conversation`, `desk`, `phone`, and how it ended otherwise. */
  readonly messages: Counter;
  readonly statuses: Counter;
  readonly media: Counter;
  readonly tokens: Counter;
  readonly workSeconds: Observations;
}

/** The user that a customer is in conversations. */
export function customerUser(id: string): string {
  return `customer-${id}`;
}

/** For people who look for a message: `+49…89`. */
export function maskedNumber(digits: string): string {
  return digits.length < 6 ? '+…' : `+${digits.slice(0, 2)}…${digits.slice(-2)}`;
}
