/** `signalbox/client/reader`: a client for pages that publish nothing, without the queue. docs/client.md. */
import type { Client } from '../client-api.ts';
import type { ClientOptions } from '../client-options.ts';
import { createCore } from '../core.ts';
import { SignalboxError } from '../errors.ts';
import type { Publishes } from '../publish-ports.ts';

export { isSignalboxError, signedOut } from '../errors.ts';

/** As `createClient`; `publish` and `send` reject with `unsupported`. */
export function createReader<T = Record<string, unknown>>(options: ClientOptions): Client<T> {
  return createCore<T>(options, noPublishes);
}

function noPublishes(): Publishes {
  const nothing = (): void => {};
  const no = (): boolean => false;
  return {
    waiting: new Map(),
    failed: new Map(),
    bytes: 0,
    publish: (_type, _to, _value, _options, settle) =>
      settle(new SignalboxError('unsupported', 'expected a client of createClient, got one that only reads')),
    add: nothing,
    adopt: nothing,
    isMine: no,
    greeted: nothing,
    pump: nothing,
    answered: no,
    unread: nothing,
    lost: nothing,
    disown: nothing,
    close: nothing,
    clear: nothing,
  };
}
