/**
 * Whether two sides have the same secret, without either of them showing it. The one that asks makes up the nonce, so that
 * a fingerprint is good for one comparison. It gives away what any token that is signed with the secret gives away, and
 * it can never be the signature of one: what a token is signed over has neither spaces nor colons.
 */
import { createHmac } from 'node:crypto';

const LABEL = 'signalbox fingerprint: ';

export function fingerprintOf(secret: Uint8Array, nonce: string): string {
  return createHmac('sha256', secret)
    .update(LABEL + nonce)
    .digest('base64url');
}
