/** Operations on a database without a server: what they publish and tell is written down. */
import { z } from 'zod';
import type { ApplicationDatabase } from '../../../database/database.ts';
import { isRefusal, refusal, type Refusal } from '../../../protocol/errors.ts';
import { silentLog } from '../../../telemetry/log.ts';
import {
  systemClock as clock,
  systemRandom as random,
  systemScheduler as scheduler,
} from '../../../telemetry/system-clock.ts';
import type { Outgoing, RightsOf } from '../../host-api.ts';
import type { Actor, Ports, SpaceMembers } from '../ports.ts';
import { settings } from '../settings.ts';

export interface Rig {
  readonly ports: Ports;
  readonly published: { readonly topic: string; readonly message: Outgoing }[];
  readonly told: { readonly user: string; readonly payload: unknown }[];
  readonly rights: RightsOf[];
}

export function rigOf(
  database: ApplicationDatabase,
  { spaces = null, given = {} }: { readonly spaces?: SpaceMembers | null; readonly given?: object } = {},
): Rig {
  const published: Rig['published'] = [];
  const told: Rig['told'] = [];
  const rights: Rig['rights'] = [];
  const reached = { connections: 0, missed: [] };
  const host: Ports['host'] = {
    clock,
    scheduler,
    random,
    log: silentLog,
    withdraw: () => Promise.resolve(null),
    refuse: (reason, message) => refusal(reason, message),
    isRefusal: (answer): answer is Refusal => typeof answer === 'object' && answer !== null && isRefusal(answer),
    publish: async (topic, message) => {
      published.push({ topic, message });
      return { id: 'id', position: message.at ?? null, duplicate: false };
    },
    directMessage: async (user, { payload }) => {
      told.push({ user: typeof user === 'string' ? user : user.user, payload });
      return { id: 'id', position: null, duplicate: false };
    },
    rightsChanged: async (of) => {
      rights.push(of);
      return reached;
    },
    subscribe: async () => reached,
    emit: () => {},
    background: async (_, work) => void (await work()),
  };
  return { ports: { host, database, settings: settings(z).parse(given), spaces }, published, told, rights };
}

export function actorOf(user: string, roles: readonly string[] = ['user'], tenant = ''): Actor {
  return { tenant, user, roles };
}

export const SHOP = actorOf('shop', ['service']);

/** @throws when it was refused */
export function good<Answer>(answer: Answer): Exclude<Answer, Refusal> {
  if (typeof answer === 'object' && answer !== null && isRefusal(answer))
    throw new Error(`${answer.reason}: ${answer.message}`);
  return answer as Exclude<Answer, Refusal>;
}

/** The reason of a refusal, or `ok`. */
export function reasonOf(answer: unknown): string {
  return typeof answer === 'object' && answer !== null && isRefusal(answer) ? answer.reason : 'ok';
}
