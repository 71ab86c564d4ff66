/** A proxy that does to bytes what the test likes, with or without TLS; it ends with the test. */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { createServer as createSecureServer } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { Certificate } from './certificates.ts';

export interface RelayOptions {
  /** What is passed on of each piece; `null` cuts the connection. */
  readonly toNode?: (piece: Buffer) => Buffer | null;
  readonly toClient?: (piece: Buffer, at: number) => Buffer | null;
  readonly certificate?: Certificate;
}

/** @returns its port */
export async function startRelay(target: number, options: RelayOptions = {}): Promise<number> {
  const { certificate, toNode = same, toClient = same } = options;
  const sockets = new Set<Socket>();
  const accept = (client: Socket): void => {
    const node = connect(target, '127.0.0.1');
    let pieces = 0;
    for (const socket of [client, node]) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    }
    const pass = (to: Socket, piece: Buffer | null): void => {
      if (piece === null) client.destroy();
      else to.write(piece);
    };
    client.on('data', (piece: Buffer) => pass(node, toNode(piece)));
    node.on('data', (piece: Buffer) => pass(client, toClient(piece, pieces++)));
    client.on('close', () => node.destroy());
    node.on('close', () => client.destroy());
  };
  const server = certificate === undefined ? createServer(accept) : createSecureServer(certificate, accept);
  server.on('tlsClientError', () => {});
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

function same(piece: Buffer): Buffer {
  return piece;
}
