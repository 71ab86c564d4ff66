/** Finds out whether the port is free, before processes share it: they would share it with a stranger as well. */
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';

/**
 * Listens for a moment, alone.
 * @param port 0 takes any free one
 * @returns the port, for the workers to listen on
 * @throws when it is taken or the host is not an address of this machine
 */
export async function claimPort(host: string, port: number): Promise<number> {
  const server = createServer();
  try {
    server.listen({ host, port, exclusive: true });
    await once(server, 'listening');
  } catch (error) {
    throw new Error(
      `cannot listen on ${host}:${port}: the port is taken or the host is not an address of this machine`,
      { cause: error },
    );
  }
  const claimed = (server.address() as AddressInfo).port;
  server.close();
  await once(server, 'close');
  return claimed;
}
