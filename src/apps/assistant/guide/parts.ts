/** What clients of guide 004 find below `/api/v1/admin/chat` (docs/assistant-guide.md). */
import type { Parts } from '../../app.ts';
import type { Host } from '../../host-api.ts';
import type { Answering } from '../answers/answering.ts';
import type { Ports } from '../ports.ts';
import { ConnectionCounts } from './connection-counts.ts';
import { guideDialects } from './dialects.ts';
import { Door } from './door.ts';
import { messageRoutes } from './message-routes.ts';
import { sessionRoutes } from './session-routes.ts';

export function guideParts(host: Host, ports: Ports, answering: Answering): Pick<Parts, 'routes' | 'dialects'> {
  const door = new Door(
    host,
    ports.settings,
    host.counter('errors_total', 'Refusals to clients of the guide.', 'code'),
  );
  const counts = new ConnectionCounts(
    host.counter('guide_connections_total', 'WebSockets and streams of clients of the guide that were opened.'),
  );
  host.gauge('guide_connections', 'WebSockets and streams of clients of the guide.', () => counts.active);
  return {
    routes: [...sessionRoutes(host, door, ports), ...messageRoutes(host, door, ports, answering)],
    dialects: guideDialects(host, door, ports, counts),
  };
}
