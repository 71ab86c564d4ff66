/** Calls of Genesys Open Messaging for a tenant. A call that was lost is made again: the id of a message tells Genesys that it has it. */
import type { Tenant } from '../../tenants/public.ts';
import type { Ports } from '../ports.ts';
import type { Call } from '../tokens/call.ts';
import { hostOf, TokenError, type Tokens } from '../tokens/tokens.ts';
import { fieldsOf, optional, textOf } from '../transforms/fields.ts';
import type { DeskRequest } from '../transforms/to-genesys.ts';

export type DeskOutcome =
  | { readonly kind: 'taken'; readonly id?: string; readonly conversation?: string }
  | { readonly kind: 'limited'; readonly retryAfterMs: number | null; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'failed'; readonly reason: string; readonly isToken?: true };

export interface DeskPorts extends Pick<Ports, 'credentials' | 'settings'> {
  readonly call: Call;
  readonly tokens: Tokens;
}

/** A token that is refused is replaced once: the second one is new. */
const TRIES = 2;

export async function postToDesk(
  ports: DeskPorts,
  tenant: Tenant,
  phoneNumberId: string,
  { path, body }: DeskRequest,
  signal?: AbortSignal,
): Promise<DeskOutcome> {
  const { credentials, settings, tokens, call } = ports;
  const known = await credentials.of('genesys', tenant.id);
  const integration = integrationFor(tenant, phoneNumberId);
  if (known === null || integration === null)
    return { kind: 'refused', reason: 'the tenant has no integration or no credentials of Genesys that are whole' };
  const place = `/api/v2/conversations/messages/${encodeURIComponent(integration)}/inbound/open/${path}`;
  const query = path === 'message' ? '?prefetchConversationId=true' : '';
  const url = `${hostOf(settings.genesys_api_url, known)}${place}${query}`;
  for (let tries = 1; ; tries += 1) {
    const token = await tokenOf(tokens, tenant.id);
    if (typeof token !== 'string') return token;
    const answer = await call({
      url,
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      timeoutMs: settings.call_ms,
      ...(signal !== undefined && { signal }),
    });
    if (answer.kind !== 'answer') return { kind: 'failed', reason: `Genesys does not answer: ${answer.detail}` };
    const { status, json, retryAfterMs } = answer;
    if (status === 401) {
      await tokens.refused(tenant.id, token);
      if (tries < TRIES) continue;
      return { kind: 'failed', reason: '401 Unauthorized from Genesys API', isToken: true };
    }
    const reason = `Genesys answered ${status}`;
    if (status === 429) return { kind: 'limited', retryAfterMs, reason };
    if (status >= 500 || status === 408) return { kind: 'failed', reason };
    // It has this message: the answer to an earlier call was lost.
    if (status >= 400 && status !== 409) return { kind: 'refused', reason };
    const read = fieldsOf(json ?? {});
    const conversation = textOf(read['conversationId']);
    return { kind: 'taken', ...optional('id', textOf(read['id'])), ...optional('conversation', conversation) };
  }
}

/** Of several integrations, the one that `settings.integrations` of the tenant names for the number; else the first. */
function integrationFor({ integrationIds, settings }: Tenant, phoneNumberId: string): string | null {
  const named = textOf(fieldsOf(settings['integrations'])[phoneNumberId]);
  return named !== undefined && integrationIds.includes(named) ? named : (integrationIds[0] ?? null);
}

async function tokenOf(tokens: Tokens, tenant: string): Promise<string | DeskOutcome> {
  try {
    return await tokens.of(tenant);
  } catch (error) {
    if (error instanceof TokenError)
      return { kind: 'failed', reason: error.message, ...(error.problem !== 'away' && { isToken: true as const }) };
    throw error;
  }
}
