/**
 * Stores what comes in one turn of the event loop together: one round trip and one commit for all of it. While a batch is
 * under way the next one gathers, so that batches grow with the load and nobody waits for a timer.
 */
import type { Scheduler } from '../telemetry/clock.ts';
import { DatabaseError } from './database-error.ts';

export interface GroupCommitOptions<Item, Answer> {
  /** All of them in one statement or one transaction. @returns an answer for each, in order */
  readonly write: (items: readonly Item[]) => Promise<readonly Answer[]>;
  /** Items that must be stored one after the other have the same; without, all have. Batches of one lane follow each other. */
  readonly laneOf?: (item: Item) => string;
  /** Batches at the same time; without, 1. */
  readonly lanes?: number;
  /** Of a batch; without, 500. */
  readonly maxItems?: number;
  /** Items that may wait, those of batches under way included; more are refused. Without, 10,000. */
  readonly maxWaiting?: number;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

interface Lane<Item, Answer> {
  readonly waiting: Waiting<Item, Answer>[];
  /** A batch is under way, or will begin at the end of this turn. */
  isBusy: boolean;
}

const FNV = { start: 2_166_136_261, prime: 16_777_619 };

export class GroupCommit<Item, Answer> {
  private readonly options: GroupCommitOptions<Item, Answer>;
  private readonly scheduler: Scheduler;
  private readonly committed: (items: number) => void;
  private readonly lanes: readonly Lane<Item, Answer>[];
  private waiting = 0;
  private idle: (() => void)[] = [];

  /** @param committed told the size of every batch that was stored */
  constructor(options: GroupCommitOptions<Item, Answer>, scheduler: Scheduler, committed: (items: number) => void) {
    this.options = options;
    this.scheduler = scheduler;
    this.committed = committed;
    this.lanes = Array.from({ length: options.lanes ?? 1 }, () => ({ waiting: [], isBusy: false }));
  }

  /** Resolves when it is stored. @throws DatabaseError; after every problem but `unknown` it is not stored */
  put(item: Item): Promise<Answer> {
    const { maxWaiting = 10_000 } = this.options;
    if (this.waiting >= maxWaiting)
      return Promise.reject(new DatabaseError('exhausted', `${maxWaiting} requests wait to be stored already`));
    this.waiting += 1;
    const lane = this.laneFor(item);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    lane.waiting.push({ item, resolve, reject });
    if (!lane.isBusy) {
      lane.isBusy = true;
      this.scheduler.endOfTurn(() => void this.run(lane));
    }
    return promise;
  }

  /** Resolves when nothing waits. */
  settled(): Promise<void> {
    if (this.waiting === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private laneFor(item: Item): Lane<Item, Answer> {
    const { laneOf } = this.options;
    const at = laneOf === undefined ? 0 : hash(laneOf(item)) % this.lanes.length;
    return this.lanes[at] as Lane<Item, Answer>;
  }

  private async run(lane: Lane<Item, Answer>): Promise<void> {
    while (lane.waiting.length > 0) {
      const batch = lane.waiting.splice(0, this.options.maxItems ?? 500);
      await this.store(batch);
      this.waiting -= batch.length;
    }
    lane.isBusy = false;
    if (this.waiting > 0) return;
    const { idle } = this;
    this.idle = [];
    for (const resolve of idle) resolve();
  }

  private async store(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.options.write(batch.map(({ item }) => item));
      if (answers.length !== batch.length)
        throw new Error(`expected an answer for each of ${batch.length} items, got ${answers.length}`);
      this.committed(batch.length);
      for (const [at, { resolve }] of batch.entries()) resolve(answers[at] as Answer);
    } catch (error) {
      const isOfOne = error instanceof DatabaseError && !error.isTemporary;
      // One of them may not be stored: the others are not to pay for it.
      if (isOfOne && batch.length > 1) for (const one of batch) await this.store([one]);
      else for (const { reject } of batch) reject(error);
    }
  }
}

/** FNV-1a. */
function hash(text: string): number {
  let sum = FNV.start;
  for (let at = 0; at < text.length; at += 1) sum = Math.imul(sum ^ text.charCodeAt(at), FNV.prime);
  return sum >>> 0;
}
