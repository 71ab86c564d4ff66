/** Ports for programs that cannot be told to take any: they are named before they are taken. */
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the range that the kernel takes ports for connections from (32768 and above): one of those that is free now may
 * belong to somebody's connection a moment later.
 */
const FIRST = 10_000;
const LAST = 20_000;
/** Servers of a Redis cluster talk to each other on a port that is so much higher. */
export const CLUSTER_BUS = 10_000;

/** @param alsoFree what must be free as well, counted from the port */
export async function freePort(alsoFree: readonly number[] = []): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, LAST);
    const isFree = await Promise.all([0, ...alsoFree].map((offset) => canListen(port + offset)));
    if (isFree.every(Boolean)) return port;
  }
}

async function canListen(port: number): Promise<boolean> {
  const server = createServer();
  const isListening = new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => resolve(true));
  });
  if (!(await isListening)) return false;
  server.close();
  await once(server, 'close');
  return true;
}
