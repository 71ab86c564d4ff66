/** What the operations of conversations are given, and who asks them. */
import type { Principal } from '../../auth/principal.ts';
import type { Database } from '../../database/database.ts';
import type { Host } from '../host-api.ts';
import type { MaybePromise } from '../vocabulary.ts';
import type { Settings } from './settings.ts';

export interface Ports {
  readonly host: Pick<
    Host,
    | 'publish'
    | 'withdraw'
    | 'directMessage'
    | 'rightsChanged'
    | 'subscribe'
    | 'emit'
    | 'background'
    | 'refuse'
    | 'isRefusal'
    | 'clock'
    | 'scheduler'
    | 'random'
    | 'log'
  >;
  readonly database: Database;
  readonly settings: Settings;
  /** Without, nothing is counted. */
  readonly counts?: Counts;
  /** `null`: the members of a space are those of the table. */
  readonly spaces: SpaceMembers | null;
}

/** For metrics. */
export interface Counts {
  /** A message was stored. */
  message(type: string): void;
  /** A conversation was made. */
  conversation(kind: string): void;
}

/** The user that asks, as the token says. */
export interface Actor extends Pick<Principal, 'tenant' | 'user' | 'roles'> {
  /** Of a request over HTTP, for the audit. */
  readonly address?: string;
  readonly agent?: string;
}

/** The users of a space, where a product knows them itself. */
export interface SpaceMembers {
  /** Everybody; `null` where there is no such space. */
  members(tenant: string, space: string): MaybePromise<readonly string[] | null>;
}

/** A backend: no member, and allowed to act in every conversation of its tenant. Its acts are audited. */
export function isService({ roles }: Pick<Actor, 'roles'>): boolean {
  return roles.includes('service');
}
