/** The clients that are compared, each a library as its documentation has it. */
import { WebSocket } from 'ws';
import type { SocketPort } from '../../src/client/environment.ts';
import { createClient, type Client } from '../../src/client/index.ts';

export type PeerName = 'signalbox' | 'socket.io';

export interface Payload {
  /** Counts the messages of a room from 1. */
  readonly n: number;
  /** When it was published, by `machineMs`. */
  readonly at: number;
  readonly text: string;
}

interface ReaderEvents {
  /** On which node it is now. */
  at(node: string): void;
  live(): void;
  message(payload: Payload): void;
  /** The library says that messages are missing. */
  gap(): void;
  /** The connection is lost, and there is no other one yet. */
  broken(): void;
}

export interface Publisher {
  /** Resolves when the server has taken it. */
  publish(room: string, payload: Payload): Promise<unknown>;
  close(): void;
}

export interface ClientLibrary {
  /** @returns what closes it */
  openReader(url: string, room: string, events: ReaderEvents, token: string): () => void;
  openPublisher(url: string, token: string): Publisher;
}

export async function clientLibrary(peer: PeerName): Promise<ClientLibrary> {
  if (peer === 'signalbox') return signalbox;
  return (await import(new URL('../peers/socket-io-client.mjs', import.meta.url).href)) as ClientLibrary;
}

/** Over the sockets that socket.io-client takes in Node, which cost a generator less than Node's own: both libraries have the same. */
function connect(url: string, token: string): Client {
  const open = (address: string, protocols: string[]): SocketPort =>
    new WebSocket(address, protocols, { perMessageDeflate: false }) as unknown as SocketPort;
  return createClient({ url: `${url}/ws`, token: () => token, environment: { open } });
}

const signalbox: ClientLibrary = {
  openReader(url, room, events, token) {
    const client = connect(url, token);
    let wasConnected = false;
    client.on('state', (state) => {
      const isConnected = state.status === 'connected';
      if (isConnected) events.at(state.node);
      else if (wasConnected && state.status !== 'closed') events.broken();
      wasConnected = isConnected;
    });
    client.topic<Payload>(room).on({
      message: ({ payload }) => events.message(payload),
      gap: () => events.gap(),
      live: () => events.live(),
    });
    return () => void client.close();
  },
  openPublisher(url, token) {
    const client = connect(url, token);
    return {
      publish: (room, payload) => client.topic(room).publish(payload),
      close: () => void client.close(),
    };
  },
};
