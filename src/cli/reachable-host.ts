/** Where others reach a node that listens on every address of its machine. */
import { networkInterfaces } from 'node:os';

const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

type Interfaces = ReturnType<typeof networkInterfaces>;

/** As it stands in a URL. Where the node listens everywhere: the first address that is not only of this machine. */
export function reachableHost(host: string, interfaces: Interfaces = networkInterfaces()): string {
  return inUrl(EVERYWHERE.has(host) ? (outerAddress(interfaces, host === '::') ?? host) : host);
}

/** As it stands in a URL, for somebody on the same machine. */
export function nearHost(host: string): string {
  return inUrl(host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host);
}

function outerAddress(interfaces: Interfaces, takesIpv6: boolean): string | undefined {
  const all = Object.values(interfaces).flatMap((addresses) => addresses ?? []);
  const outer = all.filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  const ipv4 = outer.find(({ family }) => family === 'IPv4');
  return (ipv4 ?? (takesIpv6 ? outer[0] : undefined))?.address;
}

function inUrl(address: string): string {
  return address.includes(':') ? `[${address}]` : address;
}
