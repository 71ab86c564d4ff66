import { readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { silentLog } from '../telemetry/log.ts';
import { Counters } from '../telemetry/counters.ts';
import { listenError, listenProblem } from './listen-problem.ts';
import { listenHttp } from './server.ts';

const FIRST_FREE = Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
const canLoseRights = process.geteuid?.() === 0 && FIRST_FREE > 80;

test.each([
  ['EACCES', 'this user may not listen on port 80'],
  ['EADDRINUSE', 'port 80 is taken'],
  ['EADDRNOTAVAIL', '10.0.0.1 is not an address of this machine'],
  ['ENOTFOUND', 'the name 10.0.0.1 does not resolve'],
  ['EMFILE', 'the system says EMFILE'],
])('%s: %s', (code, says) => {
  const cause = Object.assign(new Error('listen'), { code });
  const { message } = listenError('10.0.0.1', 80, cause);
  expect(message).toContain(`cannot listen on 10.0.0.1:80: ${says}`);
});

test('a port that is taken is told as taken, and given back by nobody', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => {
    other.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void other.close());
  const { port } = other.address() as AddressInfo;
  expect((await listenProblem('127.0.0.1', port)).message).toContain(`port ${port} is taken`);
  const listening = listenHttp([], { host: '127.0.0.1', port }, new Counters(), silentLog);
  await expect(listening).rejects.toThrow(`port ${port} is taken`);
});

test.runIf(canLoseRights)('a missing right to a port is told as that, not as a port that is taken', async () => {
  process.seteuid?.(65_534);
  try {
    const listening = listenHttp([], { host: '127.0.0.1', port: 80 }, new Counters(), silentLog);
    await expect(listening).rejects.toThrow('this user may not listen on port 80');
  } finally {
    process.seteuid?.(0);
  }
});
