/** What Kubernetes and Docker set in every container beside a Service: `REDIS_PORT=tcp://10.0.0.1:6379` and its family. */
import { isIP } from 'node:net';

const ADDRESS = /^(tcp|udp|sctp):\/\/([\d.]+|\[[\da-f:.]+\])(:\d{1,5})?$/;
const NUMBER = /^\d{1,5}$/;
const PROTOCOL = /^(tcp|udp|sctp)$/;

/** The end of a link's name, and what its value looks like. */
const FAMILY: readonly (readonly [name: RegExp, isValue: (text: string) => boolean])[] = [
  [/_SERVICE_HOST$/, (text) => isIP(text) !== 0],
  [/_SERVICE_PORT(_[A-Z0-9_]+)?$/, (text) => NUMBER.test(text)],
  [/_PORT$/, (text) => ADDRESS.test(text)],
  [/_PORT_\d+_(TCP|UDP|SCTP)$/, (text) => ADDRESS.test(text)],
  [/_PORT_\d+_(TCP|UDP|SCTP)_PROTO$/, (text) => PROTOCOL.test(text)],
  [/_PORT_\d+_(TCP|UDP|SCTP)_PORT$/, (text) => NUMBER.test(text)],
  [/_PORT_\d+_(TCP|UDP|SCTP)_ADDR$/, (text) => isIP(text) !== 0],
];

/**
 * By name and by value, so that a misspelt key stays a mistake. A Service called `signalbox-server` sets the variable of a
 * key, `SIGNALBOX_SERVER_PORT`; its `tcp://…` is nobody's port number, and a link all the same.
 */
export function isServiceLink(name: string, text: string): boolean {
  return FAMILY.some(([ending, isValue]) => ending.test(name) && isValue(text));
}
