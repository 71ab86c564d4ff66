/** The operations on messages over a real database, and a host that writes down what it is told. */
import { z } from 'zod';
import type { ApplicationDatabase } from '../../../database/database.ts';
import { isRefusal, refusal } from '../../../protocol/errors.ts';
import { SeededRandom } from '../../../simulation/seeded-random.ts';
import { silentLog as log } from '../../../telemetry/log.ts';
import type { Clock } from '../../../telemetry/clock.ts';
import { systemClock, systemScheduler as scheduler } from '../../../telemetry/system-clock.ts';
import type { Outgoing, User } from '../../host-api.ts';
import type { Actor } from '../ports.ts';
import { senderOf } from '../sending.ts';
import { settings } from '../settings.ts';
import { createConversation } from '../store.ts';
import type { MessagePorts, Uploads } from './ports.ts';

/** Nobody has uploaded anything. */
export const NO_UPLOADS: Uploads = { claim: () => null, unclaim: () => {} };

export interface Rig {
  readonly ports: MessagePorts;
  readonly published: { readonly topic: string; readonly message: Outgoing }[];
  readonly told: { readonly user: User; readonly payload: unknown }[];
  readonly withdrawn: { readonly topic: string; readonly upTo: number }[];
}

/** @param clock of the node, which may be off */
export function rigOf(database: ApplicationDatabase, uploads: Uploads = NO_UPLOADS, clock: Clock = systemClock): Rig {
  const published: Rig['published'][number][] = [];
  const told: Rig['told'][number][] = [];
  const withdrawn: Rig['withdrawn'][number][] = [];
  const host: MessagePorts['host'] = {
    clock,
    scheduler,
    random: new SeededRandom(1),
    log,
    refuse: (reason, message, { details } = {}) => ({
      ...refusal(reason, message),
      ...(details !== undefined && { details }),
    }),
    isRefusal: (answer) => typeof answer === 'object' && answer !== null && isRefusal(answer),
    publish: (topic, message) => {
      published.push({ topic, message });
      return Promise.resolve({ id: '', position: message.at ?? null, duplicate: false });
    },
    directMessage: (user, { payload }) => {
      told.push({ user, payload });
      return Promise.resolve({ id: '', position: null, duplicate: false });
    },
    withdraw: (topic, upTo) => {
      withdrawn.push({ topic, upTo });
      return Promise.resolve(null);
    },
    emit: () => {},
    background: async (_, work) => void (await work()),
    subscribe: () => Promise.resolve({ connections: 0, missed: [] }),
    rightsChanged: () => Promise.resolve({ connections: 0, missed: [] }),
  };
  const ports = { host, database, settings: settings(z).parse({}), spaces: null, sender: senderOf(database), uploads };
  return { ports, published, told, withdrawn };
}

export function actorOf(user: string, roles: readonly string[] = ['user']): Actor {
  return { tenant: '', user, roles };
}

let made = 0;
export async function makeConversation(
  database: ApplicationDatabase,
  members: readonly string[] = ['ada', 'bob'],
): Promise<string> {
  made += 1;
  const id = `m${made}`;
  await createConversation(database, { tenant: '', id, kind: 'group', epoch: `e${made}`, members });
  return id;
}
