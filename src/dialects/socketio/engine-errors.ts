/** What Engine.IO answers to requests that are none of its own, as its clients know them. */
import type { HttpResponse } from '../../node/route.ts';

/** https://socket.io/docs/v4/server-instance/#connection_error has the codes. */
const MESSAGES = {
  unknownTransport: { code: 0, message: 'Transport unknown' },
  unknownSession: { code: 1, message: 'Session ID unknown' },
  badMethod: { code: 2, message: 'Bad handshake method' },
  badRequest: { code: 3, message: 'Bad request' },
  unknownVersion: { code: 5, message: 'Unsupported protocol version' },
} as const;

export function engineError(name: keyof typeof MESSAGES): HttpResponse {
  return { status: 400, headers: { 'cache-control': 'no-store' }, body: MESSAGES[name] };
}
