/** What the operations of this room work with, so that they run in tests without a server. */
import type { Principal } from '../../auth/principal.ts';
import type { Database } from '../../database/database.ts';
import { ERRORS, type Refusal } from '../../protocol/errors.ts';
import type { Host } from '../host-api.ts';
import type { Links } from './links.ts';
import type { Settings } from './settings.ts';
import type { Storage } from './storage.ts';
import type { UploadRow } from './tables.ts';

export interface MediaPorts {
  readonly host: Pick<Host, 'mayAct' | 'refuse' | 'isRefusal' | 'clock' | 'random' | 'log'>;
  readonly database: Database;
  readonly storage: Storage;
  readonly links: Links;
  readonly settings: Settings;
}

/** One for all that a user may not see and all that there is not. */
export function unknownUpload({ host }: Pick<MediaPorts, 'host'>): Refusal {
  return host.refuse('not_found', 'expected an upload that this user may see');
}

export function badLink({ host }: Pick<MediaPorts, 'host'>): Refusal {
  return host.refuse('not_allowed', 'expected a link that was made here and has not ended: ask for a new one');
}

/** 24 characters, unguessable. */
export function newId({ host }: Pick<MediaPorts, 'host'>): string {
  return `${host.random.id()}${host.random.id()}`;
}

const SEGMENT = /^[A-Za-z0-9_:-]{1,128}$/;

/** Whether a principal may upload for a conversation, or read what belongs to it. */
export async function conversationProblem(
  { host, settings }: Pick<MediaPorts, 'host' | 'settings'>,
  principal: Principal,
  action: 'publish' | 'subscribe',
  conversation: string,
): Promise<Refusal | null> {
  const unknown = host.refuse('not_found', 'expected a conversation of this user');
  if (!SEGMENT.test(conversation)) return unknown;
  const topic = settings.topic.replace('*', conversation);
  const may = await host.mayAct(principal, action, topic);
  if (may === true) return null;
  if (ERRORS[may.reason].temporary) return may;
  // A user who may read it knows that it is there, and is told the truth.
  if (action === 'publish' && (await host.mayAct(principal, 'subscribe', topic)) === true)
    return host.refuse('not_allowed', 'expected a user who may write in this conversation');
  return unknown;
}

/** Why somebody may not read an upload, or `null`. */
export async function readProblem(ports: MediaPorts, principal: Principal, row: UploadRow): Promise<Refusal | null> {
  if (row.tenant !== principal.tenant || row.bytes === null) return unknownUpload(ports);
  if (row.owner === principal.user || row.purpose === 'avatar' || principal.roles.includes('service')) return null;
  if (row.conversation === null || row.loose_since !== null) return unknownUpload(ports);
  const problem = await conversationProblem(ports, principal, 'subscribe', row.conversation);
  return problem?.reason === 'not_found' ? unknownUpload(ports) : problem;
}

/** Where the storage has it. Tenants are apart, and no name of one can leave its place. */
export function objectOf({ tenant, key }: Pick<UploadRow, 'tenant' | 'key'>): string {
  return `${tenant === '' ? 'default' : `tenant-${Buffer.from(tenant).toString('hex').slice(0, 120)}`}/${key}`;
}
