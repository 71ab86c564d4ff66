/** The name of a node in ids, logs and metrics. */
import { hostname } from 'node:os';
import type { Config } from '../config/schema.ts';

/** The configured one, or the host name with what names cannot have replaced. */
export function nodeName({ server }: Config): string {
  return (
    server.node_name ??
    hostname()
      .replaceAll(/[^A-Za-z0-9_.-]/g, '-')
      .slice(0, 64)
  );
}
