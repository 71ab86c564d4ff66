/** What has become of a message, in a sentence for somebody who looks for it, and what to do about it. */
import type { MessageRow, MessageStatus } from '../tables.ts';

type Facts = Pick<MessageRow, 'direction' | 'status' | 'reason' | 'sequence' | 'media'>;
type Sayings = Readonly<Record<MessageStatus, (reason: string | null) => string>>;

const HAS_DESK = 'It is in the conversation, and Genesys has it, where the tenant has one.';
const waitsForDesk = (reason: string | null): string =>
  reason === null
    ? 'It is in the conversation, and waits in inbound-genesys-messages for Genesys.'
    : `It is in the conversation, and Genesys has not taken it: ${reason}. It is tried again.`;

const FROM_CUSTOMER: Sayings = {
  pending: () => 'It is in the conversation; it was not handed on to Genesys yet.',
  sending: waitsForDesk,
  unknown: waitsForDesk,
  failed: (reason) => `It is in the conversation, and Genesys refused it: ${reason ?? 'no reason'}.`,
  sent: () => HAS_DESK,
  delivered: () => HAS_DESK,
  read: () => HAS_DESK,
};

const TO_CUSTOMER: Sayings = {
  pending: (reason) =>
    reason === null
      ? 'It waits for its turn: the number sends at a bounded pace, and one message of a customer after the other.'
      : `It was not sent yet: ${reason}. It is tried again.`,
  sending: () => 'A call to WhatsApp is under way, or its answer was lost a moment ago.',
  unknown: () =>
    'It was sent, and nobody knows whether it arrived: WhatsApp has told no status. A replay of the dead letter sends it once more.',
  sent: () => 'WhatsApp has taken it; the phone has not got it yet.',
  failed: (reason) => `It did not go to the phone: ${reason ?? 'no reason'}.`,
  delivered: () => 'The phone has it; the customer has not read it.',
  read: () => 'The customer has read it.',
};

export function explain({ direction, status, reason, sequence, media }: Facts): string {
  const file = media === null ? '' : fileSaying(media);
  if (sequence === null)
    return 'The bridge has it, and its conversation has not taken it yet: look at the log of the bridge.';
  const sayings = direction === 'in' ? FROM_CUSTOMER : TO_CUSTOMER;
  return `${sayings[status](reason)}${file}`;
}

function fileSaying(media: string): string {
  if (media === 'stored') return '';
  return media === 'pending' ? ' Its file is still being fetched.' : ` Its file could not be kept (${media}).`;
}
