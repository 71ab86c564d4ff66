/** Finds out whether the port is free, before processes share it: they would share it with a stranger as well. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { listenError } from '../../transport/listen-problem.ts';

/**
 * Listens for a moment, alone.
 * @param port 0 takes any free one
 * @returns the port, for the workers to listen on
 * @throws with what is wrong with the host or the port, and what to do
 */
export async function claimPort(host: string, port: number): Promise<number> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
  } catch (error) {
    throw listenError(host, port, error);
  }
  const claimed = (server.address() as AddressInfo).port;
  server.close();
  await once(server, 'close');
  return claimed;
}
