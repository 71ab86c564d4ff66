/** What a development server greets with: its address, tokens that work, and lines to paste. */
import { SignJWT } from 'jose';
import type { Config } from '../config/schema.ts';
import { nearHost } from './reachable-host.ts';

/** Where localhost is answered. */
const LOCAL: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '0.0.0.0', '::1', '::']);

export async function welcome(config: Config, port: number): Promise<void> {
  if (config.profile !== 'development' || config.auth.jwt_secret === undefined) return;
  const secret = new TextEncoder().encode(config.auth.jwt_secret);
  const sign = (user: string, roles: string[]): Promise<string> =>
    new SignJWT({ roles })
      .setProtectedHeader({ alg: config.auth.algorithms.find((name) => name.startsWith('HS')) ?? 'HS256' })
      .setSubject(user)
      .setIssuedAt()
      .setExpirationTime('24h')
      .sign(secret);
  const [user, admin] = await Promise.all([sign('alice', ['user']), sign('admin', ['user', 'admin'])]);
  const host = pageHost(config.server.host);
  const url = `ws://${host}:${port}/ws`;
  process.stdout.write(`
  Signalbox is ready at ${url} (metrics: http://${host}:${port}/metrics)

  user token (alice, 24 h):
  ${user}

  admin token (24 h):
  ${admin}

  try it:
  npx wscat -c "${url}?token=${user}"
  > {"type":"Subscribe","id":"1","data":{"topics":["chat.lobby"]}}
  > {"type":"Broadcast","id":"2","data":{"topic":"chat.lobby","payload":"hello"}}

  Ctrl-C drains and stops.

`);
}

/** What people type: localhost wherever that reaches the server, else its address. */
function pageHost(host: string): string {
  return LOCAL.has(host) ? 'localhost' : nearHost(host);
}
