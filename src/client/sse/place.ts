/** Where a client without WebSocket asks, and as whom. */
import type { Environment } from '../environment.ts';
import { ask, type HttpPort } from './http-port.ts';

export class Place {
  /** The one in use: it is renewed while a connection lasts. */
  token: string | undefined;
  readonly environment: Environment;
  readonly http: HttpPort;
  readonly #url: string;

  /** @param url of the WebSocket endpoint; the others stand beside it */
  constructor(url: string, protocols: readonly string[], environment: Environment, http: HttpPort) {
    this.#url = url.replace(/^ws/, 'http');
    this.token = protocols.find((entry) => entry.startsWith('access_token.'))?.slice(13);
    this.environment = environment;
    this.http = http;
  }

  url(name: 'sse' | 'poll' | 'frames'): string {
    return this.#url.replace(/[^/?]*(\?.*)?$/, name);
  }

  ask(
    name: 'poll' | 'frames',
    body: string,
    done: (status: number, text: string, retryAfterMs: number) => void,
  ): () => void {
    return ask(this.http, this.url(name), this.token, body, done);
  }
}
