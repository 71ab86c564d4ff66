/** REST of a marketplace's messaging (guide 000) below `/messaging`. */
import type { AppRoute } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import type { FacadePorts } from '../facade-ports.ts';
import { adminRoutes } from './admin-routes.ts';
import { conversationRoutes } from './conversation-routes.ts';
import { messageRoutes } from './message-routes.ts';

export function marketplaceRoutes(host: Host, ports: FacadePorts): AppRoute[] {
  return [...conversationRoutes(host, ports), ...messageRoutes(host, ports), ...adminRoutes(host, ports)];
}
