import type { NetworkInterfaceInfo } from 'node:os';
import { expect, test } from 'vitest';
import { nearHost, reachableHost } from './reachable-host.ts';

function at(address: string, internal = false): NetworkInterfaceInfo {
  const common = { address, netmask: '', mac: '', internal, cidr: null };
  return address.includes(':') ? { ...common, family: 'IPv6', scopeid: 0 } : { ...common, family: 'IPv4' };
}

const LOOPBACK = { lo: [at('127.0.0.1', true), at('::1', true)] };
const BOTH = { ...LOOPBACK, eth0: [at('fe80::1'), at('2001:db8::7'), at('10.1.2.3')], eth1: [at('10.9.9.9')] };
const IPV6 = { ...LOOPBACK, eth0: [at('fe80::1'), at('2001:db8::7')] };

test.each([
  ['10.0.0.5', BOTH, '10.0.0.5'],
  ['node.example', BOTH, 'node.example'],
  ['0.0.0.0', BOTH, '10.1.2.3'],
  ['::', BOTH, '10.1.2.3'],
  ['::', IPV6, '[2001:db8::7]'],
  ['0.0.0.0', IPV6, '0.0.0.0'],
  ['0.0.0.0', LOOPBACK, '0.0.0.0'],
  ['::1', BOTH, '[::1]'],
])('who listens on %s of %j is reached at %s', (host, interfaces, reached) => {
  expect(reachableHost(host, interfaces)).toBe(reached);
});

test.each([
  ['0.0.0.0', '127.0.0.1'],
  ['::', '[::1]'],
  ['::1', '[::1]'],
  ['10.0.0.5', '10.0.0.5'],
  ['node.example', 'node.example'],
])('who listens on %s is reached from the same machine at %s', (host, reached) => {
  expect(nearHost(host)).toBe(reached);
});
