/** HTTP calls on connections that are kept for the next one. Redirects are not followed: what a URL is trusted with is for no other. */
import { Agent as HttpAgent, request as httpRequest, type ClientRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';

export interface KeptConnections {
  readonly agent: HttpAgent;
  readonly request: typeof httpRequest;
}

/**
 * @param protocol of the URL, with its colon
 * @param most connections that are open at once; further calls wait for one
 */
export function keptConnections(protocol: string, most = Infinity): KeptConnections {
  const settings = { keepAlive: true, maxSockets: most, scheduling: 'lifo' } as const;
  return protocol === 'https:'
    ? { agent: new HttpsAgent(settings), request: httpsRequest }
    : { agent: new HttpAgent(settings), request: httpRequest };
}

/** Whether the other side has closed a kept connection while the call was on its way: nobody has seen it. Before the answer only. */
export function isStale(request: ClientRequest, error: Error): boolean {
  return request.reusedSocket && codeOf(error) === 'ECONNRESET';
}

/** For log lines. */
export function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}
