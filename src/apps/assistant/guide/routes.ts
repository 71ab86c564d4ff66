/** REST of guide 004 below `/api/v1/admin/chat` (docs/assistant-guide.md). */
import type { AppRoute } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import type { Answering } from '../answers/answering.ts';
import type { Ports } from '../ports.ts';
import type { Door } from './door.ts';
import { messageRoutes } from './message-routes.ts';
import { sessionRoutes } from './session-routes.ts';

export function guideRoutes(host: Host, door: Door, ports: Ports, answering: Answering): AppRoute[] {
  return [...sessionRoutes(host, door, ports), ...messageRoutes(host, door, ports, answering)];
}
