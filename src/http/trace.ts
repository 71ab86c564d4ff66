/** The answer to `GET /admin/trace/{message_id}[?user=U]`, as it is sent. */
import type { AppStages } from '../node/app-stages.ts';
import { shownTopic, type Verdict } from '../node/fate.ts';
import { explainFor, locate, standingAt, type Located, type TraceParts } from '../node/why.ts';
import type { Recipient, TracedMessage } from '../telemetry/message-trace.ts';

export interface TraceAnswer {
  /** `null` when it is not in the trace; then `note` says why. */
  readonly message: MessageView | null;
  readonly note: string | null;
  /** Stages that applications have kept of it, `APP.STAGE`, in milliseconds since 1970: whether it was traced or not. */
  readonly app_stages: AppStages;
  /** Of a message that is not in the trace: where the connections stand that follow its topic. */
  readonly standing: readonly StandingView[];
  /** Only for the user who was asked about. */
  readonly why: WhyView | null;
  /** Where all nodes were asked: each, and why it did not answer. */
  readonly nodes?: readonly { readonly node: string; readonly problem: string | null }[];
}

interface MessageView {
  readonly id: string;
  readonly topic: string;
  readonly epoch: string;
  readonly sequence: number;
  readonly from: string;
  /** All times are milliseconds since 1970; stages that were not reached are missing. */
  readonly stages: { readonly stored: number } & TracedMessage['stages'];
  /** Subscriptions on this node when it was routed; `null` when it was not. */
  readonly subscriptions: number | null;
  readonly recipients: readonly RecipientView[];
  /** Recipients beyond the list, by end. */
  readonly others: TracedMessage['others'];
  readonly traced_until: number | null;
}

interface RecipientView {
  /** Where all nodes were asked. */
  readonly node?: string;
  readonly connection_id: string;
  readonly user: string;
  readonly end: Recipient['end'];
  readonly at: number;
  readonly cause: Recipient['cause'];
  readonly displaced_at: number | null;
  readonly gap: Recipient['gap'];
  readonly deliveries: number;
}

interface StandingView extends FateView {
  readonly user: string;
}

interface WhyView {
  readonly user: string;
  /** The node that knows it, where all were asked; `null` when none has anything of the user. */
  readonly node?: string | null;
  readonly verdict: Verdict;
  readonly sentence: string;
  /** Where the message is for a user who has no connection here; `null` when there is one, or nothing is known. */
  readonly absent: string | null;
  readonly connections: readonly FateView[];
}

interface FateView {
  readonly node?: string;
  readonly connection_id: string;
  readonly verdict: Verdict;
  readonly text: string;
}

/**
 * @param user the user id to explain it for, in the tenant of the topic; `null` for nobody in particular
 * @param ofApps what applications have kept of it
 */
export function traceAnswer(parts: TraceParts, id: string, user: string | null, ofApps: AppStages = {}): TraceAnswer {
  const located = locate(parts, id);
  const message = located.place?.message ?? null;
  return {
    message: message === null ? null : messageView(message, ofApps),
    note: located.note,
    app_stages: ofApps,
    standing: standingAt(parts, located).map(({ connection, ...rest }) => ({ connection_id: connection, ...rest })),
    why: user === null ? null : whyView(parts, located, user),
  };
}

function messageView(
  { id, topic, epoch, sequence, from, timestamp, ...rest }: TracedMessage,
  ofApps: AppStages,
): MessageView {
  const { stages, subscriptions, recipients, others, tracedUntil } = rest;
  return {
    id,
    topic: shownTopic(topic),
    epoch,
    sequence,
    from,
    stages: { ...ofApps, stored: timestamp, ...stages },
    subscriptions,
    recipients: [...recipients.values()].map(({ connection, displacedAt, ...recipient }) => ({
      connection_id: connection,
      ...recipient,
      displaced_at: displacedAt,
    })),
    others,
    traced_until: tracedUntil,
  };
}

function whyView(parts: TraceParts, located: Located, user: string): WhyView {
  const { verdict, sentence, absent, fates } = explainFor(parts, located, user);
  return {
    user,
    verdict,
    sentence,
    absent,
    connections: fates.map(({ connection, ...fate }) => ({ connection_id: connection, ...fate })),
  };
}
