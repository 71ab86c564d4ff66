/** Limits of the kernel and of the container against what the configuration allows. */
import { processFacts } from '../../../telemetry/process-facts.ts';
import type { Check } from '../../check.ts';
import { mebibytes } from '../../each-node.ts';
import { ok, warn } from '../../finding.ts';

/** What the socket library asks for (docs/operations.md, "Queue of finished handshakes"). */
const BACKLOG = 512;
/** A node at rest, and one connection in the process and in the kernel (docs/operations.md, "Sizing"). */
const AT_REST = 121 * 1_048_576;
const CONNECTION = 2_158 + 3_700;

export const hostAcceptQueue: Check = {
  name: 'host.accept-queue',
  looksAt: '`net.core.somaxconn` against the queue that the server asks for.',
  needs: [],
  run: () => {
    const { somaxconn } = processFacts();
    if (somaxconn === null) return [];
    if (somaxconn >= BACKLOG) return [ok(`somaxconn is ${somaxconn}, ${BACKLOG} are asked for`)];
    return [
      warn(
        `somaxconn is ${somaxconn}, ${BACKLOG} are asked for: connects of a storm take seconds`,
        `sysctl -w net.core.somaxconn=4096 (deploy/sysctl/90-signalbox.conf)`,
      ),
    ];
  },
};

export const hostLocalPorts: Check = {
  name: 'host.local-ports',
  looksAt: '`ip_local_port_range` against the connections that a proxy on this machine opens to the server.',
  needs: ['configuration'],
  run: ({ configuration }) => {
    const most = configuration?.config?.websocket.max_connections;
    const { local_ports: ports } = processFacts();
    if (most === undefined || ports === null) return [];
    const count = ports[1] - ports[0] + 1;
    if (count >= most) return [ok(`${count} local ports for at most ${most} connections of a proxy here`)];
    return [
      warn(
        `a proxy on this machine has ${count} local ports to the server, which takes ${most} connections`,
        'sysctl -w net.ipv4.ip_local_port_range="1024 65535"; beyond that several addresses (docs/operations.md)',
      ),
    ];
  },
};

export const hostMemory: Check = {
  name: 'host.memory',
  looksAt:
    'Memory of the container or the machine against `websocket.max_connections` and the bounds of mailboxes and logs.',
  needs: ['configuration'],
  run: ({ configuration }) => {
    const config = configuration?.config ?? null;
    if (config === null) return [];
    const { memory_limit_bytes: limit, is_container_limit: isContainer } = processFacts();
    const { websocket, actor_system: actors, topics, redis, server } = config;
    const logs = redis.url === undefined ? topics.total_bytes : 0;
    const each = AT_REST + websocket.max_connections * CONNECTION + actors.mailboxes_total_bytes + logs;
    const needed = each * server.workers;
    const says = `${mebibytes(limit)} of the ${isContainer ? 'container' : 'machine'}, ${mebibytes(needed)} are needed at the worst for ${websocket.max_connections} connections`;
    if (needed <= limit) return [ok(says)];
    return [
      warn(
        `${says}: the kernel would end the server`,
        `give it ${mebibytes(needed)}, or lower websocket.max_connections, actor_system.mailboxes_total_bytes or topics.total_bytes`,
      ),
    ];
  },
};
