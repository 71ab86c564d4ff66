/** Whether the limit of open files is enough for the connections that the configuration allows. */
import { readFileSync } from 'node:fs';
import type { Check } from '../../check.ts';
import { ok, warn } from '../../finding.ts';

/** Beside connections of clients: those to other servers, logs, the process itself. */
const OTHERS = 200;

export const hostOpenFiles: Check = {
  name: 'host.open-files',
  looksAt: 'The limit of open files here against `websocket.max_connections`.',
  needs: ['configuration'],
  run: ({ configuration }) => {
    const connections = configuration?.config?.websocket.max_connections;
    const limit = limitHere();
    if (connections === undefined || limit === null) return [];
    const needed = connections + OTHERS;
    if (limit >= needed) return [ok(`${limit} open files, ${needed} are needed for ${connections} connections`)];
    return [
      warn(
        `at most ${limit} open files here, ${needed} are needed for ${connections} connections: a server of this shell takes fewer`,
        `ulimit -n ${needed}, LimitNOFILE=${needed} of systemd, or a lower websocket.max_connections`,
      ),
    ];
  },
};

/** @returns `null` where there is no /proc */
function limitHere(): number | null {
  try {
    const [, soft] = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === 'unlimited' ? Infinity : Number(soft);
  } catch {
    return null;
  }
}
