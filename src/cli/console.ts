/** Whether and how the console is served: the same for a node and for the parent of workers. */
import type { Config } from '../config/schema.ts';
import { consoleRoutes } from '../http/console/route.ts';
import type { Route } from '../node/route.ts';

/** @param clientPort where clients connect, once it is known; `null` where the console comes from the same port */
export function configuredConsole({ admin, profile }: Config, clientPort: () => number | null): Route[] {
  const isOn = admin.console ?? profile === 'development';
  return isOn ? consoleRoutes({ clientPort, socketUrl: admin.console_socket_url }) : [];
}
