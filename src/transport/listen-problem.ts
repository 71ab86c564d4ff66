/** Why a port cannot be listened on. The socket library only says that it cannot, so node:net is asked the same. */
import { createServer } from 'node:net';

/** What to do, by the code of the system. */
const REMEDIES: Readonly<Record<string, (host: string, port: number) => string>> = {
  EADDRINUSE: (_host, port) =>
    `port ${port} is taken: end what listens there (ss -ltnp names it), or take another port`,
  EACCES: (_host, port) =>
    `this user may not listen on port ${port}: take a port from 1024 on with a proxy in front, or give the process CAP_NET_BIND_SERVICE`,
  EADDRNOTAVAIL: (host) =>
    `${host} is not an address of this machine: take one that is (ip address lists them), or 0.0.0.0 for all`,
  ENOTFOUND: (host) => `the name ${host} does not resolve: take an address of this machine, or 0.0.0.0 for all`,
  EAI_AGAIN: (host) => `the name ${host} cannot be resolved now: take an address of this machine, or 0.0.0.0 for all`,
  EAFNOSUPPORT: (host) => `this machine has no addresses of the kind of ${host}: take one that it has`,
};

/** The error to throw, from what the system said. */
export function listenError(host: string, port: number, cause: unknown): Error {
  const { code = '' } = (cause ?? {}) as NodeJS.ErrnoException;
  const said = REMEDIES[code]?.(host, port) ?? `the system says ${code || String(cause)}`;
  return new Error(`cannot listen on ${host.includes(':') ? `[${host}]` : host}:${port}: ${said}`, { cause });
}

/** Tries it, and gives what was tried back at once. */
export function listenProblem(host: string, port: number): Promise<Error> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => resolve(listenError(host, port, error)));
    server.listen({ host, port, exclusive: true }, () => {
      server.close();
      resolve(new Error(`cannot listen on ${host}:${port}: the port was taken a moment ago; try again`));
    });
  });
}
