/** Meta's handshake: `GET` with `hub.mode`, `hub.verify_token` and `hub.challenge`, which is echoed as plain text. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { RouteResponse } from '../../app-route.ts';

export type Query = Readonly<Record<string, string | readonly string[]>>;

const MAX_CHALLENGE = 1_024;
/** The echo is what a stranger sent: no browser takes it for a page. */
const INERT = {
  'content-type': 'text/plain; charset=utf-8',
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; sandbox",
  'cache-control': 'no-store',
};

/** @param token `undefined`: none is set, and none is right */
export function handshake(query: Query, token: string | undefined): RouteResponse {
  const { 'hub.mode': mode, 'hub.verify_token': given, 'hub.challenge': challenge } = query;
  const isGood =
    mode === 'subscribe' &&
    typeof given === 'string' &&
    typeof challenge === 'string' &&
    challenge.length <= MAX_CHALLENGE &&
    token !== undefined &&
    isSame(given, token);
  return isGood
    ? { status: 200, headers: INERT, body: challenge }
    : { status: 403, headers: INERT, body: 'Callback verification failed\n' };
}

/** In the same time, wherever they differ. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}
