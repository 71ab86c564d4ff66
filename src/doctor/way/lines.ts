/** Connections to the addresses of a way: TCP, and TLS where the scheme says so. */
import { lookup } from 'node:dns/promises';
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { setTimeout as setTimeoutAsync } from 'node:timers/promises';
import { connect as connectSecurely, type TLSSocket } from 'node:tls';

/** For an answer of the name servers: the system itself waits for longer than anybody who looks on. */
const NAME_MS = 3_000;

export interface Address {
  readonly address: string;
  readonly family: number;
}

/** What the name of a way leads to. @throws when it leads nowhere */
export async function addressesOf({ hostname }: URL): Promise<readonly Address[]> {
  const host = bare(hostname);
  const family = isIP(host);
  if (family !== 0) return [{ address: host, family }];
  return Promise.race([lookup(host, { all: true, verbatim: true }), late()]);
}

async function late(): Promise<never> {
  await setTimeoutAsync(NAME_MS, undefined, { ref: false });
  throw new Error(`no answer of a name server within ${NAME_MS / 1_000} s`);
}

export function isSecure({ protocol }: URL): boolean {
  return protocol === 'wss:';
}

export function portOf(url: URL): number {
  return url.port === '' ? (isSecure(url) ? 443 : 80) : Number(url.port);
}

/** Brackets are a part of an address in a URL, and of no address elsewhere. */
export function bare(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1');
}

/** @throws when it is not there within the time */
export function openLine(url: URL, { address }: Address, ms: number): Promise<Socket> {
  return opened(connectPlain({ host: address, port: portOf(url), noDelay: true }), 'connect', ms);
}

/** Whatever is wrong with the certificate, which is looked at afterwards. @throws when there is no TLS within the time */
export async function secured(url: URL, line: Socket, ms: number): Promise<TLSSocket> {
  const host = bare(url.hostname);
  const options = { socket: line, rejectUnauthorized: false, ...(isIP(host) === 0 && { servername: host }) };
  // No early data, and no name to be checked here.
  return opened(connectSecurely({ ...options, ALPNProtocols: ['http/1.1'], minVersion: 'TLSv1' }), 'secureConnect', ms);
}

/** By the scheme of the way. */
export async function openWay(url: URL, address: Address, ms: number): Promise<Socket> {
  const line = await openLine(url, address, ms);
  return isSecure(url) ? secured(url, line, ms) : line;
}

function opened<Line extends Socket>(line: Line, event: string, ms: number): Promise<Line> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => failed(new Error(`no answer within ${ms / 1_000} s`)), ms);
    const failed = (error: Error): void => {
      clearTimeout(timer);
      line.destroy();
      reject(error);
    };
    line.once('error', failed);
    line.once('close', () => failed(new Error('it was closed at once')));
    line.once(event, () => {
      clearTimeout(timer);
      line.removeAllListeners('close');
      line.off('error', failed);
      line.on('error', () => {});
      resolve(line);
    });
  });
}
