/** The keys of `[apps.conversations]`: each room has those of its own. */
import type { z } from 'zod';
import type { Zod } from '../vocabulary.ts';
import { memberKeys } from './members/settings.ts';
import { messageKeys } from './messages/settings.ts';
import { positionKeys } from './positions/settings.ts';

export type Settings = z.output<ReturnType<typeof settings>>;

export function settings(z: Zod) {
  return z.strictObject({
    ...memberKeys(z),
    ...messageKeys(z),
    ...positionKeys(z),
    rest: z
      .array(z.enum(['marketplace', 'chat']))
      .default(['marketplace', 'chat'])
      .describe('REST of guides: marketplace has /messaging, chat has /conversations'),
    namespaces: z
      .array(z.enum(['/', '/messaging']))
      .default(['/', '/messaging'])
      .describe('namespaces of Socket.IO with the events of conversations, where [socketio] is enabled'),
  });
}
