/** What a development server greets with: its address, tokens that work, and lines to paste. */
import type { Config } from '../config/schema.ts';
import { developmentSigner } from './development-token.ts';
import { nearHost } from './reachable-host.ts';

/** Where localhost is answered. */
const LOCAL: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '0.0.0.0', '::1', '::']);

export async function welcome(config: Config, port: number): Promise<void> {
  const sign = developmentSigner(config);
  if (sign === null) return;
  const [user, admin] = await Promise.all([sign('alice', ['user']), sign('admin', ['user', 'admin'])]);
  const host = pageHost(config.server.host);
  const url = `ws://${host}:${port}/ws`;
  process.stdout.write(`
  Signalbox is ready at ${url} (metrics: http://${host}:${port}/metrics)

  a chat to try it in a browser: http://${host}:${port}/${consoleLine(config, `http://${host}:${port}`)}

  user token (alice, 24 h):
  ${user}

  admin token (24 h):
  ${admin}

  or in a terminal:
  npx wscat -c "${url}?token=${user}"
  > {"type":"Subscribe","id":"1","data":{"topics":["chat.lobby"]}}
  > {"type":"Broadcast","id":"2","data":{"topic":"chat.lobby","payload":"hello"}}

  Ctrl-C drains and stops.

`);
}

/** Where it is on a port of its own, the log says which. */
function consoleLine({ admin }: Config, origin: string): string {
  if (admin.port !== undefined || admin.console === false) return '';
  return `\n  the console for operators, with the admin token below: ${origin}/admin/console`;
}

/** What people type: localhost wherever that reaches the server, else its address. */
function pageHost(host: string): string {
  return LOCAL.has(host) ? 'localhost' : nearHost(host);
}
