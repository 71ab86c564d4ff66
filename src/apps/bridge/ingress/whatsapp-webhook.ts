/**
 * Meta's webhook. The bytes are read only to find whose they are, each change is believed by the signature of its own tenant,
 * and the answer is good when the queue has what came.
 */
import type { RouteResponse } from '../../app-route.ts';
import type { NewMessage } from '../../../queue/queue.ts';
import type { Ports } from '../ports.ts';
import { changesOf, type Change } from '../transforms/from-whatsapp.ts';
import { answered, bodyFacts, isJson } from './answers.ts';
import { jsonOf, whatsappMessage } from './envelopes.ts';
import { MAX_MESSAGES, putAll } from './putting.ts';
import { isSigned } from './signature.ts';

export interface Webhook {
  readonly body: Uint8Array;
  readonly header: (name: string) => string | undefined;
}

export const SIGNATURE = 'x-hub-signature-256';

type Judged =
  /** Of a tenant that is served. */
  | { readonly kind: 'good'; readonly tenant: string; readonly change: Change; readonly phoneNumberId: string }
  /** Of nobody here. */
  | { readonly kind: 'ignored' }
  /** Of a tenant that is served, and signed by somebody else. */
  | { readonly kind: 'bad'; readonly tenant: string };

export async function whatsappWebhook(ports: Ports, { body, header }: Webhook): Promise<RouteResponse> {
  const received = ports.host.clock.now();
  if (!isJson(header('content-type')))
    return answered(ports, 'whatsapp', 'bad_type', 'expected Content-Type: application/json');
  const changes = changesOf(jsonOf(body));
  if (changes === null)
    return answered(ports, 'whatsapp', 'malformed', 'expected a webhook of a whatsapp_business_account');
  const judged = await judge(ports, changes, body, header(SIGNATURE));
  const good = judged.filter((one) => one.kind === 'good');
  const bad = judged.filter((one) => one.kind === 'bad');
  if (good.length === 0 && bad.length > 0) {
    const tenants = new Set(bad.map(({ tenant }) => tenant));
    for (const tenant of tenants) ports.host.log.warn('Invalid Meta signature', { ...bodyFacts(body), tenant });
    return answered(ports, 'whatsapp', 'bad_signature', 'Invalid Meta signature');
  }
  const messages = good.flatMap((one) => messagesOf(ports, one, received));
  if (messages.length === 0) return answered(ports, 'whatsapp', 'ignored');
  if (messages.length > MAX_MESSAGES)
    return answered(ports, 'whatsapp', 'malformed', `expected at most ${MAX_MESSAGES} messages in a webhook`);
  return (await putAll(ports, ports.queues.inbound, messages))
    ? answered(ports, 'whatsapp', 'queued')
    : answered(ports, 'whatsapp', 'queue_away', 'the queue does not take messages now');
}

/** A number is looked up, and its signature reckoned, once, however many changes are about it. */
async function judge(
  ports: Ports,
  changes: readonly Change[],
  body: Uint8Array,
  signature: string | undefined,
): Promise<readonly Judged[]> {
  const numbers = [...new Set(changes.map(({ phoneNumberId }) => phoneNumberId))].slice(0, MAX_MESSAGES);
  const verdicts = new Map(
    await Promise.all(
      numbers.map(async (number) => [number, await judgeNumber(ports, number, body, signature)] as const),
    ),
  );
  return changes.map((change): Judged => {
    const { phoneNumberId } = change;
    const verdict = verdicts.get(phoneNumberId) ?? 'ignored';
    if (verdict === 'ignored' || phoneNumberId === null) return { kind: 'ignored' };
    const { tenant } = verdict;
    return verdict.isSigned ? { kind: 'good', tenant, change, phoneNumberId } : { kind: 'bad', tenant };
  });
}

async function judgeNumber(
  { tenants, credentials, host, troubles }: Ports,
  phoneNumberId: string | null,
  body: Uint8Array,
  signature: string | undefined,
): Promise<'ignored' | { readonly tenant: string; readonly isSigned: boolean }> {
  if (phoneNumberId === null) return 'ignored';
  const tenant = await tenants.byWhatsAppNumber(phoneNumberId);
  // A refusal would make Meta send it for days, and then end the webhook for everybody.
  if (tenant === null || tenant.status !== 'active') {
    host.log.info('A webhook of a number that is not served', {
      phone_number_id: phoneNumberId,
      tenant: tenant?.id ?? '',
      because: tenant === null ? 'Tenant not found' : `the tenant is ${tenant.status}`,
    });
    if (tenant === null) troubles.note('unknown_number', '');
    return 'ignored';
  }
  const known = await credentials.of('whatsapp', tenant.id);
  if (known !== null && isSigned(known.appSecret, body, signature)) return { tenant: tenant.id, isSigned: true };
  // The secret may have been changed a moment ago.
  credentials.renew('whatsapp', tenant.id);
  troubles.note('meta_signature', tenant.id);
  return { tenant: tenant.id, isSigned: false };
}

function messagesOf(
  { host }: Ports,
  { tenant, change, phoneNumberId }: Extract<Judged, { readonly kind: 'good' }>,
  received: number,
): readonly NewMessage[] {
  const receipt = { tenant, received, now: host.clock.now(), node: host.node };
  const each = (kind: 'message' | 'status') => (event: Change['messages'][number]) =>
    whatsappMessage({ ...event, kind, phoneNumberId }, { ...receipt, claim: host.random.id() });
  return [
    // Nothing can be answered to somebody without a number.
    ...change.messages.filter(({ customer }) => customer !== '').map(each('message')),
    ...change.statuses.map(each('status')),
  ];
}
