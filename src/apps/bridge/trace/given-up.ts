/** Dead letters about a message: one that was given up before it had a row is in none of the tables. */
import type { DeadMessage, Queue } from '../../../queue/queue.ts';
import type { Ports } from '../ports.ts';
import { fieldsOf, textOf } from '../transforms/fields.ts';

/** Dead letters of a queue that are looked through, the newest. */
const LOOKED_AT = 1_000;

export interface GivenUp {
  readonly queue: string;
  /** For `./signalbox queues replay`. */
  readonly id: string;
  readonly reason: string;
  readonly attempts: number;
  /** ISO 8601. */
  readonly at: string;
}

/** @param id of WhatsApp or of Genesys */
export async function givenUp(
  { queues }: Pick<Ports, 'queues'>,
  tenant: string,
  id: string | undefined,
): Promise<readonly GivenUp[]> {
  if (id === undefined) return [];
  const found = await Promise.all([queues.inbound, queues.outbound].map((queue) => of(queue, tenant, id)));
  return found.flat();
}

async function of(queue: Queue, tenant: string, id: string): Promise<readonly GivenUp[]> {
  const letters = await queue.dead(LOOKED_AT);
  return letters
    .filter((letter) => letter.tenant === tenant && isAbout(letter, id))
    .map((letter) => ({
      queue: queue.name,
      id: letter.id,
      reason: letter.reason,
      attempts: letter.attempt,
      at: new Date(letter.at).toISOString(),
    }));
}

function isAbout({ body }: DeadMessage, id: string): boolean {
  return textOf(fieldsOf(body)['id']) === id;
}
