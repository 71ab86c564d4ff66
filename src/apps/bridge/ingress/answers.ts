/** How webhooks are answered, in the words of guide 002, and what is counted and logged of it: never a body, a number or a secret. */
import { createHash } from 'node:crypto';
import type { RouteResponse } from '../../app-route.ts';
import type { Ports } from '../ports.ts';

/** `ignored`: good, and nothing of a tenant that is served here. */
export type WebhookOutcome =
  | 'queued'
  | 'ignored'
  | 'bad_signature'
  | 'bad_type'
  | 'malformed'
  | 'too_many'
  | 'unknown_tenant'
  | 'queue_away';

const STATUSES: Readonly<Record<WebhookOutcome, number>> = {
  queued: 200,
  ignored: 200,
  bad_signature: 403,
  bad_type: 415,
  malformed: 400,
  too_many: 429,
  unknown_tenant: 403,
  queue_away: 503,
};

const RETRY_SECS = 5;

export function answered(
  { counts }: Pick<Ports, 'counts'>,
  side: 'whatsapp' | 'genesys',
  outcome: WebhookOutcome,
  message?: string,
  retryAfterMs?: number,
): RouteResponse {
  counts.webhooks.add(1, `${side} ${outcome}`);
  const status = STATUSES[outcome];
  const body = status === 200 ? { status: outcome } : { error: message ?? outcome };
  const secs = retryAfterMs === undefined ? RETRY_SECS : Math.ceil(retryAfterMs / 1_000);
  const isTemporary = status === 503 || status === 429;
  return { status, body, ...(isTemporary && { headers: { 'retry-after': String(secs) } }) };
}

/** To compare with what the sender has: printing the JSON again would mislead, because it is other bytes. */
export function bodyFacts(bytes: Uint8Array): { readonly body_bytes: number; readonly body_sha256: string } {
  return { body_bytes: bytes.byteLength, body_sha256: createHash('sha256').update(bytes).digest('hex') };
}

export function isJson(contentType: string | undefined): boolean {
  return /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i.test((contentType ?? '').trim());
}
