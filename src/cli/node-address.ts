/** Where the verbs that ask a node find it: at --url, else where the configuration says that a node of this machine listens. */
import type { Config } from '../config/schema.ts';
import { UsageError, type Arguments } from './command.ts';
import { nearHost } from './reachable-host.ts';

/** `clients` is the port that they use, whatever answers there. */
type Door = 'server' | 'admin' | 'clients';

const EXAMPLE = 'http://127.0.0.1:8081';

/** @throws UsageError */
export function readUrl(text: string): URL {
  if (/^https?:\/\//.test(text) && URL.canParse(text)) return new URL(text);
  throw new UsageError(`expected --url like ${EXAMPLE}, got ${JSON.stringify(text)}`);
}

/**
 * By the same flags, variables and files as `serve`.
 * @param door which of the ports, where there are several
 * @throws UsageError, ConfigError
 */
export async function configuredAddress(args: Arguments, door: Door): Promise<URL> {
  // Loaded only here: most of the start of a verb that is given --url would be what reads a configuration.
  const { loadWithoutSecret } = await import('./config-options.ts');
  const { server, admin } = loadWithoutSecret(args).config;
  const { host, port, key } = doorOf(server, admin, door);
  if (port === 0) throw new UsageError(`expected --url: ${key} is 0, so the node listens on any free port`);
  return new URL(`http://${nearHost(host)}:${port}`);
}

function doorOf(
  server: Config['server'],
  admin: Config['admin'],
  door: Door,
): { readonly host: string; readonly port: number; readonly key: string } {
  // Behind server.port any of the workers would answer for itself; their parent answers for all.
  if ((door === 'admin' || (door === 'server' && server.workers > 1)) && admin.port !== undefined)
    return { host: admin.host, port: admin.port, key: 'admin.port' };
  return { ...server, key: 'server.port' };
}
