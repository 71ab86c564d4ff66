/** Calls of Meta's Graph API for a number, and what their answers mean for the message. */
import type { Ports } from '../ports.ts';
import type { Call } from '../tokens/call.ts';
import { fieldsOf, listOf, numberOf, textOf } from '../transforms/fields.ts';
import type { GraphBody } from '../transforms/to-whatsapp.ts';

export type GraphOutcome =
  | { readonly kind: 'sent'; readonly wamid: string }
  /** The token is not accepted. */
  | { readonly kind: 'unauthorized'; readonly reason: string }
  /** Too many at the moment. */
  | { readonly kind: 'limited'; readonly retryAfterMs: number | null; readonly reason: string }
  /** These words never. */
  | { readonly kind: 'refused'; readonly reason: string }
  /** Not sent, and perhaps later. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** Sent, and nobody heard the answer. */
  | { readonly kind: 'unknown'; readonly reason: string };

/** Errors of the Graph API that are about how many, and not about what. https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes */
const LIMITS: ReadonlySet<number> = new Set([4, 80_007, 130_429, 131_048, 131_056, 133_016]);
const TOKEN_CODES: ReadonlySet<number> = new Set([190]);
const TRANSIENT: ReadonlySet<number> = new Set([1, 2, 131_000, 131_016]);

export interface GraphPorts extends Pick<Ports, 'credentials' | 'settings'> {
  readonly call: Call;
}

/** @param path behind the version */
export function graphUrl({ settings }: Pick<Ports, 'settings'>, path: string): string {
  return `${settings.graph_url}/${settings.graph_version}/${path}`;
}

export async function postMessage(
  ports: GraphPorts,
  { tenant, phoneNumberId }: { readonly tenant: string; readonly phoneNumberId: string },
  body: GraphBody,
  signal?: AbortSignal,
): Promise<GraphOutcome> {
  const known = await ports.credentials.of('whatsapp', tenant);
  if (known === null)
    return { kind: 'unauthorized', reason: 'the tenant has no credentials of WhatsApp that are whole' };
  const answer = await ports.call({
    url: graphUrl(ports, `${encodeURIComponent(phoneNumberId)}/messages`),
    method: 'POST',
    headers: { authorization: `Bearer ${known.accessToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    timeoutMs: ports.settings.call_ms,
    ...(signal !== undefined && { signal }),
  });
  if (answer.kind === 'away') return { kind: 'failed', reason: `WhatsApp does not answer: ${answer.detail}` };
  if (answer.kind === 'lost') return { kind: 'unknown', reason: `the answer of WhatsApp was lost: ${answer.detail}` };
  const { status, json, retryAfterMs } = answer;
  const read = fieldsOf(json ?? {});
  if (status >= 200 && status < 300) {
    // The status of a message that was read has no id.
    const [first] = listOf(read['messages']).map(fieldsOf);
    return { kind: 'sent', wamid: textOf(first?.['id']) ?? '' };
  }
  const error = fieldsOf(read['error']);
  const code = numberOf(error['code']) ?? 0;
  const reason = `WhatsApp answered ${status}${code === 0 ? '' : `, error ${code}`}`;
  if (status === 401 || TOKEN_CODES.has(code)) {
    ports.credentials.renew('whatsapp', tenant);
    return { kind: 'unauthorized', reason };
  }
  if (status === 429 || LIMITS.has(code)) return { kind: 'limited', retryAfterMs, reason };
  if (status >= 500 || status === 408 || error['is_transient'] === true || TRANSIENT.has(code))
    return { kind: 'failed', reason };
  return { kind: 'refused', reason };
}
