/** The proxies that are believed: addresses, and networks for where proxies come and go, as in Kubernetes. */
import { BlockList, isIP } from 'node:net';

/** Lists come from the configuration and live as long as it, so each is read once. */
const read = new WeakMap<readonly string[], BlockList>();

/** Whether an address is one of the proxies: `10.0.0.1`, `10.0.0.0/8`, `fd00::/8`. Anything that is no address is none. */
export function isTrusted(address: string, proxies: readonly string[]): boolean {
  if (proxies.length === 0) return false;
  const family = isIP(address);
  if (family === 0) return false;
  let list = read.get(proxies);
  if (list === undefined) {
    list = addressesOf(proxies);
    read.set(proxies, list);
  }
  return list.check(address, family === 6 ? 'ipv6' : 'ipv4');
}

function addressesOf(proxies: readonly string[]): BlockList {
  const list = new BlockList();
  for (const entry of proxies) {
    const [address = '', bits] = entry.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    // The configuration was checked: what is neither address nor network never comes here.
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
