/** `signalbox/client/sse`: the same client where a network lets no WebSocket pass. docs/client.md, "Without WebSocket". */
import type { Environment, Transport } from '../environment.ts';
import { ChosenSocket } from './chosen-socket.ts';
import { fetchHttp, type HttpPort } from './http-port.ts';
import { Selection, type Memory } from './selection.ts';

export type { HttpEvents, HttpPort } from './http-port.ts';
export type { Memory } from './selection.ts';

export interface OverHttpOptions {
  /** Which may be used, first to last: `['sse', 'poll']` when it is not given. */
  readonly transports?: readonly Exclude<Transport, 'websocket'>[];
  /** Where it is remembered for an hour what works, as `localStorage`; without one, in the client. */
  readonly memory?: Memory;
  /** Instead of `fetch`. */
  readonly http?: HttpPort;
}

/** For `createClient({ fallback: overHttp() })`. */
export function overHttp({
  transports = ['sse', 'poll'],
  memory = memoryOfItsOwn(),
  http = fetchHttp,
}: OverHttpOptions = {}): (environment: Environment) => Environment['open'] {
  return (environment) => {
    const selection = new Selection(environment, { http, memory, transports: ['websocket', ...transports] });
    return (url, protocols) => new ChosenSocket(selection, url, protocols);
  };
}

function memoryOfItsOwn(): Memory {
  const items = new Map<string, string>();
  return {
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => void items.set(key, value),
    removeItem: (key) => void items.delete(key),
  };
}
