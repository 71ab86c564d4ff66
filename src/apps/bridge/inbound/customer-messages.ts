/**
 * What stands in `inbound-whatsapp-messages`: a message is mapped to a conversation, told there, and handed on to Genesys; a
 * status moves what it is about; a file that came late follows its message. Each step knows whether it was done before.
 */
import type { Outcome, QueueMessage } from '../../../queue/queue.ts';
import { hasDesk, putToDesk } from '../desk/desk-queue.ts';
import { handoverOf } from '../desk/handover.ts';
import { claimOf, readWhatsApp, stagesOf, type WhatsAppEnvelope } from '../ingress/envelopes.ts';
import { mapMessage, type Mapped } from '../mapping/mapping.ts';
import { advance, mark } from '../mapping/message-rows.ts';
import { fetchFile, type FetchedFile, type FilePorts } from '../media/fetching.ts';
import { customerKey } from '../hashes.ts';
import { customerUser, type Ports } from '../ports.ts';
import { customerMessage } from '../transforms/from-whatsapp.ts';
import type { CustomerMessage } from '../transforms/message.ts';
import { conversationBodies } from '../transforms/to-conversation.ts';
import { genesysMessages } from '../transforms/to-genesys.ts';
import { applyStatus } from './statuses.ts';
import { ConversationError, type Telling } from './telling.ts';

export type InboundPorts = Ports & FilePorts;

export async function handleInbound(
  ports: InboundPorts,
  telling: Telling,
  message: QueueMessage,
  signal: AbortSignal,
): Promise<Outcome> {
  const envelope = readWhatsApp(message);
  const tenant = await ports.tenants.get(message.tenant);
  if (tenant?.status !== 'active') return { dead: 'the tenant is not active' };
  try {
    if (envelope.kind === 'status') return await applyStatus(ports, message.tenant, envelope);
    if (envelope.kind === 'file') return await handleFile(ports, telling, message, envelope, signal);
    return await handleMessage(ports, telling, message, envelope, signal);
  } catch (error) {
    if (error instanceof ConversationError && !error.isTemporary) return { dead: error.message };
    throw error;
  }
}

async function handleMessage(
  ports: InboundPorts,
  telling: Telling,
  message: QueueMessage,
  envelope: WhatsAppEnvelope,
  signal: AbortSignal,
): Promise<Outcome> {
  const { mapped, said } = await mappedOf(ports, message, envelope);
  if (mapped.message.sequence === null) await tellFirst(ports, telling, message, envelope, mapped, said, signal);
  else if (mapped.message.status === 'pending') await handOver(ports, mapped, said, null);
  return undefined;
}

async function mappedOf(
  ports: InboundPorts,
  message: QueueMessage,
  envelope: WhatsAppEnvelope,
): Promise<{ readonly mapped: Mapped; readonly said: CustomerMessage }> {
  const { host } = ports;
  const now = host.clock.now();
  const said = customerMessage(envelope, now);
  const { content, from, name, wamid } = said;
  const caller = { tenant: message.tenant, phoneNumberId: envelope.phoneNumberId, number: from };
  const mapped = await mapMessage(
    ports,
    { ...caller, ...(name !== undefined && { name: name.slice(0, 200).toWellFormed() }) },
    {
      direction: 'in',
      kind: content.kind === 'media' ? content.media : content.kind,
      wamid,
      claim: claimOf(message),
      stages: stagesOf(message, host.node, now),
      ...(content.kind === 'unsupported' && { raw: JSON.stringify(content.raw) }),
    },
  );
  return { mapped, said };
}

async function tellFirst(
  ports: InboundPorts,
  telling: Telling,
  message: QueueMessage,
  envelope: WhatsAppEnvelope,
  mapped: Mapped,
  said: CustomerMessage,
  signal: AbortSignal,
): Promise<void> {
  const { settings, queues, host } = ports;
  const { tenant } = message;
  const file = await fileOf(ports, mapped, said, signal, settings.media_wait_ms);
  const stored = file?.state === 'stored' ? file.file : null;
  const media = file === null ? null : { state: file.state, ...(stored !== null && { file: stored }) };
  const bodies = conversationBodies([said.content], media);
  const told = await telling.tell(mapped, customerUser(mapped.customer.id), bodies);
  await mark(ports, mapped.message, 'conversation', { ...told, ...(file !== null && { media: file.state }) });
  if (file?.state === 'pending')
    await queues.inbound.put({
      id: `f-${mapped.message.id}`,
      // A lane of its own: what the customer writes next does not wait for it.
      key: customerKey(tenant, `file ${mapped.message.id}`),
      tenant,
      body: { ...envelope, kind: 'file' },
      headers: message.headers,
    });
  await handOver(ports, mapped, said, stored);
  host.log.debug('A message of a customer is told', { tenant, message_id: mapped.message.id });
}

/** To Genesys, where the tenant has one; else the message has come to its end. */
async function handOver(
  ports: InboundPorts,
  mapped: Mapped,
  said: CustomerMessage,
  file: { readonly id: string; readonly type: string; readonly name: string } | null,
): Promise<void> {
  const { message, customer } = mapped;
  const { tenant } = message;
  if (!(await hasDesk(ports, tenant))) {
    await advance(ports, message, 'sent');
    return;
  }
  const content = await handoverOf(ports, said.content, file);
  await putToDesk(ports, {
    tenant,
    message: message.id,
    isMessage: true,
    phoneNumberId: customer.phone_number_id,
    customer: customer.number,
    requests: genesysMessages(message.id, { ...said, content }),
  });
  await advance(ports, message, 'sending');
}

/** `null`: the message has no file. */
async function fileOf(
  ports: InboundPorts,
  { mapping, customer }: Mapped,
  { content }: CustomerMessage,
  signal: AbortSignal,
  ms: number,
): Promise<FetchedFile | null> {
  if (content.kind !== 'media') return null;
  const late = new AbortController();
  const timer = ports.host.scheduler.after(ms, () => late.abort(new Error('the file is late')));
  try {
    const place = { tenant: mapping.tenant, owner: customerUser(customer.id), conversation: mapping.id };
    const file = await fetchFile(ports, place, content, AbortSignal.any([late.signal, signal]));
    ports.counts.media.add(1, file.state);
    if (file.state !== 'stored') ports.troubles.note('file', mapping.tenant);
    if (file.state !== 'stored')
      ports.host.log.info('A file of a customer', { tenant: mapping.tenant, state: file.state, because: file.reason });
    return file;
  } finally {
    timer.cancel();
  }
}

/** The text went ahead; the file follows as an answer to it. */
async function handleFile(
  ports: InboundPorts,
  telling: Telling,
  message: QueueMessage,
  envelope: WhatsAppEnvelope,
  signal: AbortSignal,
): Promise<Outcome> {
  const { settings } = ports;
  const { mapped, said } = await mappedOf(ports, message, envelope);
  const { message: row } = mapped;
  if (said.content.kind !== 'media' || row.media !== 'pending' || row.sequence === null) return undefined;
  const file = await fileOf(ports, mapped, said, signal, settings.media_ms);
  if (file === null) return undefined;
  if (file.state === 'pending' && message.attempt < settings.attempts) throw new Error(file.reason);
  if (file.state !== 'stored') {
    const state = file.state === 'pending' ? 'failed' : file.state;
    await mark(ports, row, `media-${state}`, { media: state });
    return { dead: file.reason };
  }
  const { caption: _told, ...content } = said.content;
  const bodies = conversationBodies([content], { state: 'stored', file: file.file });
  const answers = bodies.map((body) => ({ ...body, parent: row.sequence as number }));
  await telling.tell(mapped, customerUser(mapped.customer.id), answers, '.file');
  await mark(ports, row, 'media-stored', { media: 'stored' });
  const linked = await handoverOf(ports, content, file.file);
  if (linked.kind === 'media' && linked.url !== undefined && (await hasDesk(ports, row.tenant)))
    await putToDesk(ports, {
      tenant: row.tenant,
      message: row.id,
      isMessage: false,
      phoneNumberId: mapped.customer.phone_number_id,
      customer: mapped.customer.number,
      requests: genesysMessages(`${row.id}.file`, { ...said, content: linked }),
    });
  return undefined;
}
