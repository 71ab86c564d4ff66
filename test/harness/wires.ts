/** The two WebSocket libraries that the tests speak through, behind one face. */
import type { IncomingMessage } from 'node:http';
import { WebSocket as WsSocket } from 'ws';

/** Of the body of a refusal. */
const MAX_SHOWN = 500;

export type Library = 'ws' | 'platform';

export interface WireEvents {
  opened(subprotocol: string): void;
  message(data: string | Uint8Array): void;
  /** @param problem what the library says of a handshake that failed */
  closed(code: number, reason: string, problem?: string): void;
}

export interface Wire {
  send(data: string | Uint8Array): void;
  close(code?: number): void;
  /** Drops the connection without a word where the library can, else closes it. */
  drop(): void;
}

export interface WireOptions {
  readonly url: string;
  readonly protocols: readonly string[];
  /** What browsers cannot do; only with `ws`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly autoPong?: boolean;
}

export function openWire(library: Library, options: WireOptions, events: WireEvents): Wire {
  return library === 'ws' ? openWs(options, events) : openPlatform(options, events);
}

function openWs({ url, protocols, headers = {}, autoPong = true }: WireOptions, events: WireEvents): Wire {
  const socket = new WsSocket(url, [...protocols], { headers, autoPong, perMessageDeflate: false });
  socket.on('open', () => events.opened(socket.protocol));
  socket.on('message', (data: Buffer, isBinary: boolean) =>
    events.message(isBinary ? new Uint8Array(data) : data.toString()),
  );
  let problem: string | undefined;
  socket.on('close', (code: number, reason: Buffer) => events.closed(code, reason.toString(), problem));
  // A refused handshake ends in 'close' as well, with 1006, once it is given up: before that its body says why.
  socket.on('unexpected-response', (_request, response: IncomingMessage) => {
    let body = '';
    response.setEncoding('utf8').on('data', (text: string) => (body += text));
    response.on('close', () => {
      problem = `Unexpected server response: ${response.statusCode} ${body.slice(0, MAX_SHOWN)}`;
      socket.terminate();
    });
  });
  socket.on('error', ({ message }) => (problem ??= message));
  return {
    send: (data) => socket.send(data),
    close: (code) => socket.close(code),
    drop: () => socket.terminate(),
  };
}

function openPlatform({ url, protocols }: WireOptions, events: WireEvents): Wire {
  const socket = new WebSocket(url, [...protocols]);
  socket.binaryType = 'arraybuffer';
  socket.addEventListener('open', () => events.opened(socket.protocol));
  socket.addEventListener('message', ({ data }: { data: unknown }) =>
    events.message(typeof data === 'string' ? data : new Uint8Array(data as ArrayBuffer)),
  );
  socket.addEventListener('close', ({ code, reason }) => events.closed(code, reason));
  return {
    send: (data) => socket.send(data),
    close: (code) => socket.close(code),
    drop: () => socket.close(),
  };
}
