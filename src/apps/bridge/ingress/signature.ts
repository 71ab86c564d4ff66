/** Signatures of webhooks: HMAC-SHA256 over the bytes as they came. Meta writes it in hex, Genesys in base64; both are taken from both. */
import { createHmac, timingSafeEqual } from 'node:crypto';

const PREFIX = /^sha256=/i;
const BYTES = 32;
const HEX = /^[0-9a-f]{64}$/i;
const BASE64 = /^[A-Za-z0-9+/]{43}=?$/;

/** @param header `X-Hub-Signature-256`; missing is bad */
export function isSigned(secret: string, body: Uint8Array, header: string | undefined): boolean {
  const given = header === undefined ? null : bytesOf(header);
  if (given === null || secret === '') return false;
  return timingSafeEqual(createHmac('sha256', secret).update(body).digest(), given);
}

/** The 32 bytes that a header names, or `null`. */
function bytesOf(header: string): Buffer | null {
  const text = header.trim().replace(PREFIX, '');
  if (HEX.test(text)) return Buffer.from(text, 'hex');
  if (!BASE64.test(text)) return null;
  const bytes = Buffer.from(text, 'base64');
  return bytes.byteLength === BYTES ? bytes : null;
}
