/**
 * One normal form for addresses: limits per address are evaded when each spelling has a bucket of its own. IPv4 inside
 * IPv6 is IPv4, a port and brackets (as some proxies write them) are no part of an address, zones neither.
 */
import { isIP } from 'node:net';
import type { Handshake } from './handshake.ts';
import { isTrusted } from './trusted-proxies.ts';

/** Whose request it is: the peer, or what a trusted proxy says of it (the last address that is not itself trusted). */
export function clientAddress(
  { peer, forwardedFor }: Pick<Handshake, 'peer' | 'forwardedFor'>,
  trustedProxies: readonly string[],
): string {
  const own = normalAddress(peer) ?? peer;
  if (!isTrusted(own, trustedProxies)) return own;
  const hops = forwardedFor.split(',').filter((hop) => hop.trim() !== '');
  for (const hop of hops.toReversed()) {
    const address = normalAddress(hop);
    // Text that is no address identifies nobody: its author could make up another each time.
    if (address === null) return own;
    if (!isTrusted(address, trustedProxies)) return address;
  }
  return own;
}

/** What limits per address count by: one who has an IPv6 address has the whole /64 (RFC 6177). */
export function networkOf(address: string): string {
  const normal = normalAddress(address);
  if (normal === null || isIP(normal) === 4) return address;
  return `${groupsOf(normal).slice(0, 4).map(hex).join(':')}::/64`;
}

/** @returns the one spelling of an address, or `null` for what is none */
function normalAddress(text: string): string | null {
  // Nearly every address is in this form already.
  if (isIP(text) === 4) return text;
  const given = text.trim();
  const [, inBrackets] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(given) ?? [];
  const bare = (inBrackets ?? given.replace(/^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/, '$1')).split('%')[0] ?? '';
  const family = isIP(bare);
  if (family === 0) return null;
  if (family === 4) return bare;
  const groups = groupsOf(bare);
  const [high = 0, low = 0] = groups.slice(6);
  // IPv4-mapped (RFC 4291 section 2.5.5.2).
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff)
    return [high >> 8, high & 255, low >> 8, low & 255].join('.');
  return new URL(`http://[${groups.map(hex).join(':')}]`).hostname.slice(1, -1);
}

function groupsOf(ipv6: string): number[] {
  const [head = '', tail] = ipv6.split('::');
  const first = partsOf(head);
  if (tail === undefined) return first;
  const last = partsOf(tail);
  return [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last];
}

/** Groups of 16 bits; the last 32 may be written as IPv4. */
function partsOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((part) => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function hex(group: number): string {
  return group.toString(16);
}
