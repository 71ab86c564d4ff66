/** The webhook of Genesys Open Messaging: what agents write, and what they have read. It repeats on 429 and 5xx alone. */
import type { RouteResponse } from '../../app-route.ts';
import type { Ports } from '../ports.ts';
import { isFields } from '../transforms/fields.ts';
import { deskNews, integrationOf } from '../transforms/from-genesys.ts';
import { answered, bodyFacts, isJson } from './answers.ts';
import { deskMessage, jsonOf } from './envelopes.ts';
import { putAll } from './putting.ts';
import { isSigned } from './signature.ts';
import { SIGNATURE, type Webhook } from './whatsapp-webhook.ts';

export async function genesysWebhook(ports: Ports, { body, header }: Webhook): Promise<RouteResponse> {
  const { host, tenants, credentials, queues } = ports;
  const received = host.clock.now();
  if (!isJson(header('content-type')))
    return answered(ports, 'genesys', 'bad_type', 'expected Content-Type: application/json');
  const raw = jsonOf(body);
  const integration = integrationOf(raw);
  if (integration === null || !isFields(raw))
    return answered(ports, 'genesys', 'malformed', 'expected a message of Genesys Open Messaging');
  const tenant = await tenants.byIntegration(integration);
  // One word for strangers, whether it is the tenant or the signature that they have wrong.
  const known = tenant === null ? null : await credentials.of('genesys', tenant.id);
  if (tenant === null || known === null || !isSigned(known.webhookSecret, body, header(SIGNATURE))) {
    if (tenant !== null) credentials.renew('genesys', tenant.id);
    ports.troubles.note('genesys_signature', tenant?.id ?? '');
    host.log.warn('Invalid Genesys signature', { tenant: tenant?.id ?? '', ...bodyFacts(body) });
    return answered(ports, 'genesys', 'bad_signature', 'Invalid Genesys signature');
  }
  if (tenant.status !== 'active') {
    host.log.info('A webhook of a tenant that is not served', { tenant: tenant.id, because: tenant.status });
    return answered(ports, 'genesys', 'unknown_tenant', 'Tenant not found');
  }
  const spent = await tenants.spend(tenant.id);
  if ('retryAfterMs' in spent) return answered(ports, 'genesys', 'too_many', 'Rate limit exceeded', spent.retryAfterMs);
  const now = host.clock.now();
  const news = deskNews(raw, now);
  if (news === null || news.kind === 'other') return answered(ports, 'genesys', 'ignored');
  const message = deskMessage(news.id, news.to, raw, {
    tenant: tenant.id,
    received,
    now,
    node: host.node,
    claim: host.random.id(),
  });
  return (await putAll(ports, queues.outbound, [message]))
    ? answered(ports, 'genesys', 'queued')
    : answered(ports, 'genesys', 'queue_away', 'the queue does not take messages now');
}
