/** The one address that a run talks to. */
import { lookup } from 'node:dns/promises';
import { connect } from 'node:net';
import type { Target } from './plan.ts';

const CONNECT_MS = 5_000;

/** What is wrong with the URL, or with reaching it. */
export class TargetError extends Error {
  override readonly name = 'TargetError';
}

/** @throws TargetError when it is not ws://, wss://, http:// or https:// */
export function parseTarget(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^(wss?|https?):$/.test(url.protocol) || url.hostname === '')
    throw new TargetError(`expected --url like ws://localhost:8081/ws, got ${JSON.stringify(text)}`);
  if (url.username !== '' || url.password !== '')
    throw new TargetError('expected --url without a user and password: use --token or --secret');
  return url;
}

/** Where a URL leads, before anything was sent there. */
export interface Candidates {
  /** With the first of the addresses. */
  readonly target: Target;
  readonly addresses: readonly string[];
}

/**
 * Looks the name up once, so that a run does not change its target half-way.
 * @throws TargetError when the name is unknown
 */
export async function findTarget(url: URL): Promise<Candidates> {
  const tls = url.protocol === 'wss:' || url.protocol === 'https:';
  const name = url.hostname.replace(/^\[(.*)\]$/, '$1');
  const found = await lookup(name, { all: true }).catch(() => {
    throw new TargetError(`expected a host that can be found, got ${JSON.stringify(name)}`);
  });
  const addresses = found.map(({ address }) => address);
  const path = `${url.pathname === '/' ? '/ws' : url.pathname}${url.search}`;
  const target: Target = {
    // Goes into reports, which a token must not.
    url: `${url.protocol}//${url.host}${path}`.replace(/([?&]token=)[^&]*/, '$1…'),
    address: addresses[0] ?? name,
    port: Number(url.port || (tls ? 443 : 80)),
    authority: url.host,
    path,
    tls,
    isLoopback: addresses.every(isLoopback),
  };
  return { target, addresses };
}

/**
 * The target with the first address at which something listens.
 * @throws TargetError when nothing does
 */
export async function reachTarget({ target, addresses }: Candidates): Promise<Target> {
  for (const address of addresses) if (await answers(address, target.port)) return { ...target, address };
  throw new TargetError(
    `nothing listens at ${addresses.join(' or ')} port ${target.port}: is the server running, and is this its port?`,
  );
}

export function isLoopback(address: string): boolean {
  return address.startsWith('127.') || address === '::1' || address.startsWith('::ffff:127.');
}

function answers(address: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port, timeout: CONNECT_MS });
    const end = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.once('connect', () => end(true));
    socket.once('timeout', () => end(false));
    socket.once('error', () => end(false));
  });
}
