/** A path at which WebSockets of another protocol than our own are opened; `transport/` carries it. */
import type { Transport, TransportListener } from '../connection/transport.ts';
import type { Handshake } from './handshake.ts';
import type { Refusal } from '../protocol/errors.ts';
import type { HttpResponse } from './route.ts';

/** What becomes of a handshake: an answer in place of a WebSocket, or who listens to it; `null`: it was closed at once. */
export type SocketVerdict =
  | { readonly answer: HttpResponse }
  | {
      readonly open: (transport: Transport) => TransportListener | null;
      /** The client has gone before it was opened. */
      readonly abandon?: () => void;
    };

export interface SocketRoute {
  readonly path: string;
  /**
   * Its handshake is one of RFC 6455. In a later turn than this only what was read of it before is still there.
   * @param decide called once, before this returns or later
   */
  admit(handshake: Handshake, decide: (verdict: SocketVerdict) => void): void;
  /** A handshake that is none, as clients of this path are told it; without, as docs/protocol.md says. */
  refused?(problem: Refusal): HttpResponse;
}
