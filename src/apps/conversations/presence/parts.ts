/** What this room gives the application: nothing where members are not told who is online. */
import type { JsonValue } from '../../../protocol/frames.ts';
import type { ConnectionFacts } from '../../../service/connection-events.ts';
import type { Parts } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import { conversationId } from '../conversation-id.ts';
import type { Ports } from '../ports.ts';
import { onlineMembers } from './members.ts';
import { Online } from './online.ts';

export interface OnlineParts {
  readonly frames: NonNullable<Parts['frames']>;
  readonly connected: (connection: ConnectionFacts) => void;
  readonly stop: () => Promise<void>;
}

export function onlineParts(host: Host, ports: Ports): OnlineParts {
  const { presence } = host;
  if (presence === null || !ports.settings.online)
    return { frames: {}, connected: () => {}, stop: () => Promise.resolve() };
  const online = new Online({ ...ports, host: { ...host, presence } });
  return {
    frames: {
      'X-ConversationOnline': host.frame({
        writes: false,
        schema: (z) => z.strictObject({ conversation: conversationId(z), after: z.string().max(600).optional() }),
        handle: async (data, { principal }) =>
          (await onlineMembers({ ...ports, presence }, principal, data)) as object as Readonly<
            Record<string, JsonValue>
          >,
      }),
    },
    connected: (connection) => online.connected(connection),
    stop: () => online.stop(),
  };
}
