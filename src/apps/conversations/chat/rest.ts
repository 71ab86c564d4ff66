/** REST of a complete chat (guide 003) below `/conversations`: bare answers, types in capitals, ids of messages as cursors. */
import type { AppRoute } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import type { FacadePorts } from '../facade-ports.ts';
import { conversationRoutes } from './conversation-routes.ts';
import { memberRoutes } from './member-routes.ts';
import { messageRoutes } from './message-routes.ts';

export function chatRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  return [...conversationRoutes(host, ports), ...memberRoutes(host, ports), ...messageRoutes(host, ports)];
}
