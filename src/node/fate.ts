/** What became of one message on one connection, in a sentence: from what the trace wrote down, or from where it stands. */
import type { Connection } from '../connection/connection.ts';
import { tenantOf, directTopic, isDirectTopic, clientName, wireName, type Topic } from '../protocol/topic.ts';
import { ENDED, JOINING, LAGGING, type Subscription } from '../router/subscription.ts';
import type { End, Recipient, TracedMessage } from '../telemetry/message-trace.ts';

/** `pending`: it can still arrive. `unknown`: what is known does not say. */
export type Verdict = 'delivered' | 'pending' | 'not_delivered' | 'unknown';

export interface Fate {
  /** Id of the connection. */
  readonly connection: string;
  readonly verdict: Verdict;
  /** Without the user's name at its beginning. */
  readonly text: string;
}

/** A message, or what its id says of it when it is not in the trace. */
export interface MessagePlace {
  /** As the node names it. */
  readonly topic: Topic;
  readonly sequence: number;
  readonly message: TracedMessage | null;
}

/** What was written down. @param live the connection, while it is open */
export function recordedFate(message: TracedMessage, recipient: Recipient, live: Connection | undefined): Fate {
  const { connection, end } = recipient;
  const [verdict, text] = RECORDED[end](message, recipient, live);
  return { connection, verdict, text };
}

/** Where an open connection stands, when nothing was written down about it: not subscribed, not allowed, on its way. */
export function standingFate(place: MessagePlace, connection: Connection): Fate {
  const subscription = connection.subscriptions.find(({ topic }) => topic.name === place.topic);
  const [verdict, text] =
    subscription === undefined ? notSubscribed(place, connection) : standing(place, subscription, connection);
  return { connection: connection.id, verdict, text };
}

/** What operators call a topic. */
export function shownTopic(topic: Topic): string {
  if (!isDirectTopic(topic)) return topic;
  const user = Buffer.from(wireName(topic).slice('@user.'.length), 'base64url').toString('utf8');
  const tenant = tenantOf(topic);
  return `${tenant === '' ? '' : `${tenant}/`}@user:${user}`;
}

export function time(ms: number): string {
  return new Date(ms).toISOString();
}

type Said = readonly [verdict: Verdict, text: string];

const RECORDED: Readonly<
  Record<End, (message: TracedMessage, recipient: Recipient, live: Connection | undefined) => Said>
> = {
  written: (message, recipient, live) => ['delivered', `${got(message, recipient)}${since(message, live)}`],
  replayed: (message, recipient, live) => [
    'delivered',
    `${got(message, recipient)}: ${replayed(recipient)}${since(message, live)}`,
  ],
  displaced: (message, { connection, at, cause }, live) => {
    const left = `it ${leftMailbox(cause)} of connection ${connection} at ${time(at)}`;
    const stands = live?.subscriptions.find(({ topic }) => topic.name === message.topic)?.written;
    return stands === undefined
      ? ['not_delivered', `did not get it: ${left}, and the connection is over`]
      : [
          'pending',
          `has not got it yet: ${left} and will be replayed when the client reads on, now at position ${stands}`,
        ];
  },
  gap: (_, { connection, at, cause, gap }) => [
    'not_delivered',
    `did not get it on connection ${connection}: the history no longer held it at ${time(at)}, and the client was told Gap ${cause === 'history_lost' || gap === null ? 'history_lost' : `${gap[0]}..${gap[1]} (${cause})`}`,
  ],
  purged: (message, { connection, at, cause, displacedAt }) => {
    const before = displacedAt === null ? '' : `, after it had been displaced from the mailbox at ${time(displacedAt)}`;
    return [
      'not_delivered',
      `did not get it on connection ${connection}: ${PURGED[cause ?? ''] ?? 'the subscription ended'} at ${time(at)}, before it was written${before}; it ${waits(message)}`,
    ];
  },
  lost: ({ topic }, { connection, at }) => [
    'not_delivered',
    `did not get it on connection ${connection}: the log of ${shownTopic(topic)} was cut or began anew at ${time(at)}, before it was written`,
  ],
};

const PURGED: Readonly<Record<string, string>> = {
  unsubscribed: 'the subscription ended',
  closed: 'the connection closed',
  restarted: 'the client subscribed anew at another position',
};

function got({ timestamp }: TracedMessage, { connection, at, deliveries }: Recipient): string {
  const again = deliveries > 1 ? ` (${deliveries} times, because the client asked again)` : '';
  return `got it on connection ${connection} at ${time(at)}, ${Math.max(0, at - timestamp)} ms after it was published${again}`;
}

/** Written is not read: what is known beyond it. */
function since({ topic, epoch, sequence }: TracedMessage, live: Connection | undefined): string {
  if (live === undefined) return '; the connection has ended since, and what its socket still held went with it';
  const acknowledged = live.acknowledged?.get(clientName(topic));
  const isRead = acknowledged?.epoch === epoch && acknowledged.sequence >= sequence;
  return isRead ? `; the client has acknowledged position ${acknowledged.sequence}` : '';
}

function replayed({ cause, displacedAt }: Recipient): string {
  if (cause === 'missed_messages') return 'it was part of an answer to GetMissedMessages';
  return displacedAt === null
    ? 'it was replayed from the log'
    : `it was displaced from the mailbox at ${time(displacedAt)} and replayed from the log`;
}

function leftMailbox(cause: Recipient['cause']): string {
  return cause === 'hole'
    ? 'left the mailbox, because of a hole in what the log sent,'
    : 'was displaced from the full mailbox';
}

/** Where the message still is for a client that comes back. */
export function waits({ sequence, epoch }: Pick<TracedMessage, 'sequence' | 'epoch'>): string {
  return `waits in the log (position ${sequence} of epoch ${epoch}), as long as that reaches back, for a client that resumes before it`;
}

function notSubscribed({ topic }: MessagePlace, { id, principal, context }: Connection): Said {
  const shown = shownTopic(topic);
  if (isDirectTopic(topic) && topic !== directTopic(principal.tenant, principal.user))
    return ['not_delivered', `may not read it: it is a direct message to somebody else (${shown})`];
  if (context.authorizer.decide(principal, 'subscribe', clientName(topic)) != null)
    return ['not_delivered', `may not subscribe to ${shown} (connection ${id})`];
  return ['not_delivered', `has no subscription that matches ${shown} (connection ${id})`];
}

function standing({ sequence, message }: MessagePlace, subscription: Subscription, { id }: Connection): Said {
  const { state, written, joined, topic, holds } = subscription;
  if (state === JOINING || state === ENDED)
    return ['pending', `has not got it yet: the subscription of connection ${id} is still being started`];
  if (message !== null && message.epoch !== topic.epoch)
    return [
      'unknown',
      `has most likely not got it on connection ${id}: the log of ${shownTopic(topic.name)} began anew after it was published (epoch ${message.epoch}, now ${topic.epoch})`,
    ];
  if (sequence > topic.routedHead) return ['pending', `has not got it yet: this node has not routed it`];
  if (written < sequence && state === LAGGING)
    return [
      'pending',
      `has not got it yet: connection ${id} lags at position ${written} and reads it from the log when the client reads on`,
    ];
  if (written < sequence) {
    const why = holds > 0 ? 'an answer goes first' : 'the socket has no room';
    return [
      'pending',
      `has not got it yet: it waits in the mailbox of connection ${id}, ${sequence - written - 1} messages before it, because ${why}`,
    ];
  }
  if (joined >= sequence)
    return [
      'not_delivered',
      `did not get it on connection ${id}: its subscription began after position ${joined}, and this is position ${sequence}`,
    ];
  if (message !== null && message.tracedUntil === null && onlyDelivered(message))
    return [
      'delivered',
      `got it on connection ${id}, one of those that are counted and not listed; the connection stands at position ${written}`,
    ];
  return [
    'unknown',
    `may have got it: connection ${id} stands at position ${written}, after this one (${sequence}), so it was written or announced as lost`,
  ];
}

/** Recipients that are not listed are counted; none of them ended otherwise. */
function onlyDelivered({ others }: TracedMessage): boolean {
  const delivered = (others.written ?? 0) + (others.replayed ?? 0);
  return delivered > 0 && others.gap === undefined && others.purged === undefined && others.lost === undefined;
}
