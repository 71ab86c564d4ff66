/** The client: the core of one connection, and what waits to be published. */
import type { Client } from './client-api.ts';
import type { ClientOptions } from './client-options.ts';
import { createCore } from './core.ts';
import { PublishQueue } from './publish-queue.ts';

export type { Client } from './client-api.ts';

export function createClient<T = Record<string, unknown>>(options: ClientOptions): Client<T> {
  return createCore<T>(options, (ports) => new PublishQueue(ports));
}
