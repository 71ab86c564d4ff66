/** Work that comes again and again on every node, such as deleting what is too old: two nodes that do it at once do no harm. */
import type { Database } from '../database/database.ts';
import type { Scheduler, Timer } from '../telemetry/clock.ts';

export interface RoundsOptions {
  readonly scheduler: Pick<Scheduler, 'every'>;
  /** No round begins while it is away, and one begins when it is there. */
  readonly database: Pick<Database, 'isReady' | 'onReady'>;
  readonly everyMs: number;
  /** Never rejects, as `host.background` does not. @param isOver whether the node ends: then no further piece is begun */
  readonly work: (isOver: () => boolean) => Promise<void>;
}

/** One at a time: a round that takes longer than it should is not begun a second time beside itself. */
export class Rounds {
  private readonly options: RoundsOptions;
  private readonly timer: Timer;
  private round: Promise<void> | null = null;
  private isOver = false;

  constructor(options: RoundsOptions) {
    this.options = options;
    this.timer = options.scheduler.every(options.everyMs, () => void this.begin());
    options.database.onReady(() => void this.begin());
  }

  /** Resolves at the end of a round that begins now, or of the one under way. */
  begin(): Promise<void> {
    const { database, work } = this.options;
    if (this.isOver || !database.isReady) return Promise.resolve();
    this.round ??= work(() => this.isOver).finally(() => (this.round = null));
    return this.round;
  }

  /** Resolves when the round under way has ended. */
  async stop(): Promise<void> {
    this.isOver = true;
    this.timer.cancel();
    await this.round;
  }
}
