/** A path at which WebSockets of another protocol than our own are opened; `transport/` carries it. */
import type { Transport, TransportListener } from '../connection/transport.ts';
import type { Handshake } from './handshake.ts';
import type { HttpResponse } from './route.ts';

/** What becomes of a handshake: an answer in place of a WebSocket, or who listens to it. */
export type SocketVerdict =
  | { readonly answer: HttpResponse }
  | { readonly open: (transport: Transport) => TransportListener };

export interface SocketRoute {
  readonly path: string;
  /** Decides at once: in a later turn the library's request is gone. Its handshake is one of RFC 6455. */
  admit(handshake: Handshake): SocketVerdict;
}
