/**
 * Sends one part of a message to a phone, at most once: before each call it is written down that a call is under way, so that
 * a node that comes after a crash knows that nobody knows. A status of WhatsApp, which carries the id of the row, may still tell.
 */
import type { Outcome, QueueMessage } from '../../../queue/queue.ts';
import { claimOf } from '../ingress/envelopes.ts';
import { advance, findRow, mark, reopen } from '../mapping/message-rows.ts';
import type { Ports } from '../ports.ts';
import type { MessageRow } from '../tables.ts';
import { postMessage, type GraphOutcome, type GraphPorts } from './graph.ts';
import type { Pace } from './pace.ts';
import type { Part } from './parts.ts';

export type EgressPorts = Ports & GraphPorts & { readonly pace: Pace };

/** `done`: the next part may go. */
export type SentPart = { readonly kind: 'done' } | { readonly kind: 'ended'; readonly outcome: Outcome };

const TROUBLE_OF = {
  unauthorized: 'whatsapp_token',
  limited: 'whatsapp_limited',
  refused: 'whatsapp_refused',
  failed: 'whatsapp_away',
  unknown: 'answer_lost',
} as const;
const DONE: SentPart = { kind: 'done' };
const MAX_RETRY_MS = 3_600_000;
const UNKNOWN = 'it was sent, and nobody knows whether it arrived: a replay sends it once more';

/** @param phoneNumberId of the business */
export async function sendPart(
  ports: EgressPorts,
  { row, body }: Part,
  phoneNumberId: string,
  message: QueueMessage,
  signal: AbortSignal,
): Promise<SentPart> {
  const judged = await mayBeSent(ports, row, message);
  if (judged !== null) return judged;
  const wait = ports.pace.take(row.tenant, phoneNumberId);
  // It was no attempt: the number has sent as much as it may.
  if (wait > 0) return ended({ retryAfterMs: wait, isCounted: false });
  if ((await advance(ports, row, 'sending', { claim: claimOf(message) })) === null) return DONE;
  const place = { tenant: row.tenant, phoneNumberId };
  const outcome = await postMessage(ports, place, { ...body, biz_opaque_callback_data: row.id }, signal);
  return conclude(ports, row, message, outcome);
}

/** `null`: it may. */
async function mayBeSent(
  ports: EgressPorts,
  { tenant, id }: MessageRow,
  message: QueueMessage,
): Promise<SentPart | null> {
  const row = await findRow(ports, { tenant, id });
  if (row === null) return ended({ dead: 'the message is older than what is kept' });
  if (row.status === 'failed' && isReplayOf(row, message)) {
    await reopen(ports, row);
    return null;
  }
  if (row.rank > 0) return DONE;
  if (row.status === 'pending') return null;
  if (row.status === 'unknown')
    // Only the dead letter itself, replayed, is somebody's word that it shall be sent again.
    return isReplayOf(row, message) ? null : DONE;
  // Its node ended during the call, or this one did and came back.
  const left = row.changed_at.getTime() + ports.settings.settle_ms - ports.host.clock.now();
  if (left > 0) return ended({ retryAfterMs: left, isCounted: false });
  return unknown(ports, row, 'its node ended during the call');
}

function isReplayOf({ claim }: MessageRow, message: QueueMessage): boolean {
  return message.attempt === 1 && claim === claimOf(message);
}

async function conclude(
  ports: EgressPorts,
  row: MessageRow,
  { attempt }: QueueMessage,
  outcome: GraphOutcome,
): Promise<SentPart> {
  const { host, counts, settings } = ports;
  if (outcome.kind === 'sent') {
    await record(ports, row, outcome.wamid);
    counts.messages.add(1, 'phone');
    for (const trouble of ['whatsapp_token', 'whatsapp_away'] as const) ports.troubles.over(trouble, row.tenant);
    return DONE;
  }
  const { reason } = outcome;
  ports.troubles.note(TROUBLE_OF[outcome.kind], row.tenant);
  host.log.info('A message did not go to the phone', {
    tenant: row.tenant,
    message_id: row.id,
    attempt,
    because: reason,
  });
  counts.messages.add(1, `phone ${outcome.kind}`);
  if (outcome.kind === 'unknown') {
    await mark(ports, row, 'answer-lost', { reason });
    return ended({ retryAfterMs: settings.settle_ms, isCounted: false });
  }
  const isLast = attempt >= settings.attempts;
  if (outcome.kind === 'refused' || isLast) {
    await advance(ports, row, 'failed', { reason });
    return ended({ dead: reason });
  }
  await advance(ports, row, 'pending', { reason });
  if (outcome.kind === 'limited' && outcome.retryAfterMs !== null)
    return ended({ retryAfterMs: Math.min(outcome.retryAfterMs, MAX_RETRY_MS) });
  throw new Error(reason);
}

/** A status may have come before the answer, and have moved the row further: then only the id is missing. */
async function record(ports: EgressPorts, row: MessageRow, wamid: string): Promise<void> {
  const change = wamid === '' ? {} : { wamid };
  if ((await advance(ports, row, 'sent', { ...change, reason: null })) === null)
    await mark(ports, row, 'answered', change);
}

async function unknown(ports: EgressPorts, row: MessageRow, reason: string): Promise<SentPart> {
  if ((await advance(ports, row, 'unknown', { reason: row.reason ?? reason })) === null) return DONE;
  ports.counts.messages.add(1, 'phone unknown');
  ports.host.log.warn('Nobody knows whether a message was sent', { tenant: row.tenant, message_id: row.id });
  return ended({ dead: UNKNOWN });
}

function ended(outcome: Outcome): SentPart {
  return { kind: 'ended', outcome };
}
