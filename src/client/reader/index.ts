/** `signalbox/client/reader`: a client for pages that publish nothing, without the queue. docs/client.md. */
import type { Client } from '../client-api.ts';
import type { ClientOptions } from '../client-options.ts';
import { createCore } from '../core.ts';

export { isSignalboxError, signedOut } from '../errors.ts';

/** As `createClient`; `publish` and `send` reject with `unsupported`. */
export function createReader<T = Record<string, unknown>>(options: ClientOptions): Client<T> {
  return createCore<T>(options);
}
