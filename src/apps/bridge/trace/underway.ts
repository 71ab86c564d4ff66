/**
 * Messages on their way through the queues, before a row knows them: what this node has put there, and has tried. It holds hashes and
 * times alone, the same hashes as ids and keys of messages, so that one is found by what somebody has of it.
 */
import { dropOldest } from '../../../telemetry/drop-oldest.ts';
import type { NewMessage, QueueMessage } from '../../../queue/queue.ts';
import type { StageMark } from '../tables.ts';
import { customerKey, hashOf } from '../hashes.ts';

/** Messages that a node remembers: less than 10 MB. */
const MOST = 10_000;
/** Steps of one: retries do not grow it. */
const MAX_STEPS = 20;
const MAX_REASON = 200;
const DIGEST = 20;

type Message = Pick<QueueMessage, 'id' | 'key' | 'tenant'>;

/** By one of them. */
export interface Sought {
  /** `null`: any message. */
  readonly digest: string | null;
  /** `null`: any customer. */
  readonly key: string | null;
  readonly tenant: string;
}

/** A message in a queue, as one node knows it. */
export interface Underway {
  /** Of the queue: a hash. */
  readonly id: string;
  readonly queue: string;
  readonly steps: readonly StageMark[];
}

interface Kept extends Message {
  readonly queue: string;
  readonly steps: StageMark[];
}

/** What ids of messages in queues have of the id of a side. */
export function digestOf(tenant: string, id: string): string {
  return hashOf(tenant, id).slice(0, DIGEST);
}

/** @param of digits of a customer, or an id of either side */
export function soughtBy(tenant: string, of: { readonly id: string } | { readonly number: string }): Sought {
  return 'id' in of
    ? { tenant, digest: digestOf(tenant, of.id), key: null }
    : { tenant, digest: null, key: customerKey(tenant, of.number) };
}

/** Statuses and late files go the same way; they are steps of a message, and none themselves. */
export function isSought({ tenant, digest, key }: Sought, message: Message): boolean {
  if (message.tenant !== tenant || !/^[mg]-/.test(message.id)) return false;
  return digest === null ? message.key === key : message.id.slice(2, 2 + DIGEST) === digest;
}

export class UnderwayMessages {
  private readonly kept = new Map<string, Kept>();

  /** It is handed to the queue: whether the queue has it is not known yet. */
  began(queue: string, { id = '', key, tenant }: NewMessage, steps: readonly StageMark[]): void {
    this.keep({ id, key, tenant, queue, steps: [...steps] });
  }

  /** The queue has it. A worker may have ended with it before. */
  put(id: string, step: StageMark): void {
    const known = this.kept.get(id);
    if (known !== undefined && known.steps.length < MAX_STEPS) known.steps.push(step);
  }

  /** A step of a message that this node or another one has put there. */
  step(queue: string, message: Message, [stage, at, node, reason]: StageMark): void {
    const { id, key, tenant } = message;
    const known = this.kept.get(id) ?? { id, key, tenant, queue, steps: [] };
    if (known.steps.length < MAX_STEPS)
      known.steps.push(reason === undefined ? [stage, at, node] : [stage, at, node, reason.slice(0, MAX_REASON)]);
    this.keep(known);
  }

  /** It is done: its row knows the rest. */
  done({ id }: Pick<Message, 'id'>): void {
    this.kept.delete(id);
  }

  /** The newest first. */
  find(sought: Sought, limit: number): readonly Underway[] {
    return [...this.kept.values()]
      .filter((message) => isSought(sought, message))
      .slice(-limit)
      .toReversed()
      .map(({ id, queue, steps }) => ({ id, queue, steps }));
  }

  private keep(message: Kept): void {
    this.kept.delete(message.id);
    this.kept.set(message.id, message);
    dropOldest(this.kept, MOST);
  }
}
