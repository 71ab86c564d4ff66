/** Where the way of a message meets that of the server: the steps here by the id there, and what became of it there for each follower. */
import type { MessageFate, MessageRecipient } from '../../host-api.ts';
import type { ReachedStage } from '../../app.ts';
import type { Ports } from '../ports.ts';
import type { StageMark, Tables } from '../tables.ts';

/** A message in its conversation, as the server traces it. */
export interface PublishedMessage {
  /** `./signalbox trace ID`. */
  readonly id: string;
  readonly topic: string;
  readonly position: { readonly epoch: string | null; readonly sequence: number };
  /** Those of the server, by when they were reached. */
  readonly stages: readonly { readonly stage: string; readonly at: string }[];
  readonly isTraced: boolean;
  /** Why the server has written down nothing of it. */
  readonly note: string | null;
  readonly recipients: readonly PublishedTo[];
  /** Recipients beyond the list, by how it ended for them. */
  readonly others: MessageFate['others'];
  /** Nodes that did not answer. */
  readonly silent: readonly string[];
}

interface PublishedTo extends Omit<MessageRecipient, 'at'> {
  /** ISO 8601; `null` when nothing was written down. */
  readonly at: string | null;
}

/** Messages that all nodes are asked about at once: the newest. */
export const MAX_FATES = 10;

/** What the server's own trace shows of a message that came from here. */
export async function stagesOfPublished(
  { database }: Pick<Ports, 'database'>,
  id: string,
): Promise<readonly ReachedStage[]> {
  const row = await database
    .tables<Tables>()
    .selectFrom('messages')
    .select('stages')
    .where('published', '=', id)
    .executeTakeFirst();
  return (row?.stages ?? []).map((text) => {
    const [stage, at] = JSON.parse(text) as StageMark;
    return { stage, at };
  });
}

export async function publishedOf(
  { host }: Pick<Ports, 'host'>,
  { id, topic, sequence }: { readonly id: string; readonly topic: string; readonly sequence: number },
): Promise<PublishedMessage> {
  const { epoch, stages, isTraced, note, recipients, others, silent } = await host.fate(id);
  return {
    id,
    topic,
    position: { epoch, sequence },
    stages: Object.entries(stages)
      .toSorted(([, a], [, b]) => a - b)
      .map(([stage, at]) => ({ stage, at: iso(at) })),
    isTraced,
    note,
    recipients: recipients.map(({ at, ...rest }) => ({ ...rest, at: at === null ? null : iso(at) })),
    others,
    silent,
  };
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
