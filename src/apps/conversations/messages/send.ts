/** Sends a message: it is looked at, stored with those of the same turn, and confirmed after the commit. */
import type { Refusal } from '../../../protocol/errors.ts';
import type { JsonValue } from '../../../protocol/frames.ts';
import { isService, type Actor } from '../ports.ts';
import { findMember, unknownConversation } from '../members/standing.ts';
import type { Tables } from '../tables.ts';
import type { Sending } from '../sending-batch.ts';
import type { Sent, Unsent } from '../sending.ts';
import { topicOf } from '../topic.ts';
import { isBad, readBody, type Body } from './body.ts';
import { mentioned, tellMentioned } from './mentions.ts';
import { published, type MessagePayload } from './payload.ts';
import { refuseField, type MessagePorts } from './ports.ts';
import { referencesOf, type References } from './references.ts';

export interface SendInput {
  readonly conversation: string;
  /** The sender's own id: the same message again is told its first place, for as long as it is kept. */
  readonly clientId?: string | undefined;
  /** `type`, `content`, `attachments`, `mentions`, `parent` and `metadata`, as they came. */
  readonly body: Readonly<Record<string, unknown>>;
  /** Whether the message says what the product calls its sender, which has to be looked up. */
  readonly withLabel?: boolean;
  /** An application's word: nobody asks whether the sender may send. */
  readonly isTrusted?: boolean;
}

export interface SentMessage {
  readonly conversation: string;
  readonly epoch: string;
  readonly sequence: number;
  /** Its number among messages. */
  readonly n: number;
  /** Milliseconds since 1970, by the clock of the database. */
  readonly timestamp: number;
  readonly duplicate: boolean;
  /** As it is published. */
  readonly payload: JsonValue;
}

const MAX_CLIENT_ID = 128;
/** So long the log knows what was told. */
const TOLD_AGAIN_SECS = 240;

/** Stored, delivered and confirmed. A log that does not take it now gets it from the relay: it is in the table. */
export async function send(ports: MessagePorts, actor: Actor, input: SendInput): Promise<SentMessage | Refusal> {
  const { host } = ports;
  const sent = await store(ports, actor, input);
  if (host.isRefusal(sent)) return sent;
  const { conversation, clientId } = input;
  const { epoch, sequence, timestamp, payload } = sent;
  const topic = topicOf(conversation);
  const answer = await host.publish(topic, {
    tenant: actor.tenant,
    from: actor.user,
    ...(clientId !== undefined && { clientId }),
    payload,
    at: { epoch, sequence },
    timestamp,
  });
  if (host.isRefusal(answer)) host.log.warn('A message waits for the relay', { topic, because: answer.reason });
  return sent;
}

/** Stored and not in the log yet: the caller appends it. */
export async function store(ports: MessagePorts, actor: Actor, input: SendInput): Promise<SentMessage | Refusal> {
  const { conversation, clientId, withLabel = false, isTrusted = false } = input;
  const body = readBody(input.body, ports.settings);
  if (isBad(body)) return refuseField(ports, body);
  if (clientId !== undefined && (clientId === '' || clientId.length > MAX_CLIENT_ID || clientId.includes('\0')))
    return refuseField(ports, { field: 'clientId', problem: `expected 1 to ${MAX_CLIENT_ID} characters` });
  const isOfService = body.type === 'system' && isService(actor);
  if (body.type === 'system' && !isOfService)
    return ports.host.refuse('not_allowed', 'expected a backend to send a message of type system');
  const references = await referencesOf(ports, actor, conversation, body);
  if (ports.host.isRefusal(references)) return references;
  const sent = await unlessLost(
    ports,
    actor,
    { conversation, body, references },
    {
      tenant: actor.tenant,
      conversation,
      sender: actor.user,
      clientId: clientId ?? null,
      payload: JSON.stringify({
        ...payloadOf(body, references),
        ...(withLabel && (await labelOf(ports, actor, conversation))),
      }),
      parent: body.parent ?? null,
      thread: references.thread,
      ...(references.attachments.length > 0 && { hasUploads: true }),
      ...((isOfService || isTrusted) && { isService: true }),
    },
  );
  if (typeof sent === 'string') return unsent(ports, conversation, sent);
  if (sent.isNew) ports.counts?.message(body.type);
  const message = asSent(conversation, sent);
  ports.host.log.debug('Message sent', { conversation, sequence: sent.sequence, duplicate: !sent.isNew });
  // Sent again at once, nobody knows whether its first node lived long enough to tell them; twice is once.
  const users = mentioned(message.payload);
  if (users.length > 0)
    void ports.host.background('messaging: mentions', async () => {
      if (sent.isNew || (await isRecent(ports, message)))
        await tellMentioned(ports, { ...message, tenant: actor.tenant, from: actor.user }, users);
    });
  return message;
}

/** By the clock that the message was stored by: that of this node may be off. */
async function isRecent({ database }: MessagePorts, { timestamp }: SentMessage): Promise<boolean> {
  const { rows } = await database.sql<{ is_recent: boolean }>`
    select to_timestamp(${timestamp / 1_000}::float8) > clock_timestamp() - make_interval(secs => ${TOLD_AGAIN_SECS}::float8)
      as is_recent`.execute(database.tables());
  return rows[0]?.is_recent === true;
}

/** Uploads of a message that was not stored under its own place are let go of. Where nobody knows whether it was, they are kept. */
async function unlessLost(
  ports: MessagePorts,
  { tenant, user }: Actor,
  { conversation, body, references: { claim } }: { conversation: string; body: Body; references: References },
  sending: Sending,
): Promise<Sent | Unsent> {
  const letGo = (): void => {
    const { attachments = [] } = body;
    if (claim === null) return;
    const unclaim = async (): Promise<void> =>
      ports.uploads.unclaim({ tenant, user, conversation }, attachments, claim);
    void ports.host.background('messaging: uploads', unclaim);
  };
  try {
    const sent = await ports.sender.put(sending);
    if (typeof sent === 'string' || !sent.isNew) letGo();
    return sent;
  } catch (error) {
    if (!ports.database.isProblem(error) || error.problem !== 'unknown') letGo();
    throw error;
  }
}

async function labelOf(
  { database }: MessagePorts,
  { tenant, user }: Actor,
  id: string,
): Promise<Pick<MessagePayload, 'label'>> {
  const member = await findMember(database.tables<Tables>(), { tenant, id, user });
  const label = member?.label ?? null;
  return label === null ? {} : { label };
}

function payloadOf(body: Body, { attachments, thread }: References): MessagePayload {
  const { type, content, mentions = [], parent, metadata } = body;
  return {
    event: 'message',
    type,
    ...(content !== undefined && { content }),
    ...(attachments.length > 0 && { attachments }),
    ...(mentions.length > 0 && { mentions: [...new Set(mentions)] }),
    ...(parent !== undefined && { parent }),
    ...(thread !== null && { thread }),
    ...(metadata !== undefined && { metadata }),
  };
}

function asSent(conversation: string, { epoch, sequence, n, sentAt, isNew, payload }: Sent): SentMessage {
  return {
    conversation,
    epoch,
    sequence,
    n,
    timestamp: sentAt,
    duplicate: !isNew,
    payload: published(payload, n),
  };
}

function unsent(ports: MessagePorts, conversation: string, outcome: Unsent): Refusal {
  if (outcome === 'not_found') return unknownConversation(ports, conversation);
  return outcome === 'not_allowed'
    ? ports.host.refuse('not_allowed', 'expected a member who may send this here')
    : ports.host.refuse('wrong_state', 'expected a conversation that is open, got one that is closed');
}
