/**
 * Signatures of the Standard Webhooks scheme: HMAC-SHA256 over id, time and bytes. A verifier knows that the bytes come
 * from a server that has the secret, that nobody changed them, and when they were sent.
 */
import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';
const MIN_BYTES = 24;
const MAX_BYTES = 64;

/** What a secret must look like. */
export const SECRET_FORM = `whsec_ and then ${MIN_BYTES} to ${MAX_BYTES} random bytes in base64: echo "whsec_$(openssl rand -base64 32)"`;

/** The key of a secret, or `null` when it has another form. */
export function keyOf(secret: string): Buffer | null {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  const key = Buffer.from(text, 'base64');
  const isWhole = key.toString('base64').replace(/=+$/, '') === text.replace(/=+$/, '');
  return isWhole && key.length >= MIN_BYTES && key.length <= MAX_BYTES ? key : null;
}

export class Signer {
  private readonly keys: readonly Buffer[];

  /** @param keys the newest first; while keys are rotated a message carries a signature of each */
  constructor(keys: readonly Buffer[]) {
    this.keys = keys;
  }

  /** @param id the same for every attempt to deliver one message */
  headers(id: string, nowMs: number, body: Buffer): Readonly<Record<string, string>> {
    const timestamp = String(Math.floor(nowMs / 1_000));
    const signatures = this.keys.map((key) => `v1,${signature(key, id, timestamp, body)}`);
    return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
  }
}

function signature(key: Buffer, id: string, timestamp: string, body: Buffer): string {
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64');
}
