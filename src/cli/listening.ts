/** Where a node listens: on one port, on one more for operators, or on one that it shares with other workers. */
import type { Config } from '../config/schema.ts';
import type { Node } from '../node/node.ts';
import type { Route } from '../node/route.ts';
import type { SocketRoute } from '../node/socket-route.ts';
import type { Counters } from '../telemetry/counters.ts';
import type { Log } from '../telemetry/log.ts';
import { listen, listenHttp, type Server, type ServerOptions } from '../transport/server.ts';

interface Servers extends Server {
  readonly adminPort: number;
}

/** On `server.port`, and on `admin.port` where there is one. @throws when a port cannot be listened on */
export async function listenAll(
  config: Config,
  node: Node,
  routes: readonly Route[],
  admin: readonly Route[],
  socketRoutes: readonly SocketRoute[],
  counters: Counters,
  log: Log,
): Promise<Servers> {
  const { host, port: adminPort } = config.admin;
  if (adminPort === undefined) {
    const server = await listen(node, [...routes, ...admin], serverOptions(config, socketRoutes), counters, log);
    return { ...server, adminPort: server.port };
  }
  const own = await listenHttp(admin, { host, port: adminPort }, counters, log);
  const server = await listen(node, routes, serverOptions(config, socketRoutes), counters, log).catch(
    (error: unknown) => {
      own.end();
      throw error;
    },
  );
  return {
    port: server.port,
    adminPort: own.port,
    close: () => {
      server.close();
      own.close();
    },
    end: () => {
      server.end();
      own.end();
    },
  };
}

/** The port with the other workers, and nothing that only one of them would answer. */
export async function listenAsWorker(
  config: Config,
  node: Node,
  routes: readonly Route[],
  socketRoutes: readonly SocketRoute[],
  counters: Counters,
  log: Log,
): Promise<Servers> {
  const server = await listen(
    node,
    routes,
    { ...serverOptions(config, socketRoutes), sharesPort: true },
    counters,
    log,
  );
  return { ...server, adminPort: server.port };
}

function serverOptions({ server, websocket }: Config, socketRoutes: readonly SocketRoute[]): ServerOptions {
  return {
    host: server.host,
    port: server.port,
    maxMessageSize: websocket.max_message_size,
    clientTimeoutSecs: websocket.client_timeout_secs,
    compression: websocket.compression,
    sharesPort: false,
    socketRoutes,
  };
}
