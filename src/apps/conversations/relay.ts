/**
 * Appends to the log what is stored and perhaps not there: a node was killed between its commit and the append, or the log
 * could not take it. Every node has a relay, and two of them do no harm: appending what is there changes nothing.
 */
import type { Database } from '../../database/database.ts';
import type { Timer } from '../../telemetry/clock.ts';
import type { Host } from '../host-api.ts';
import { markAppended, readPage, unappended, type Unappended } from './store.ts';
import { published } from './messages/payload.ts';
import { topicOf } from './topic.ts';

const EVERY_MS = 1_000;
/** Younger messages are on their way. */
const AGE_SECS = 2;
const CONVERSATIONS = 100;
const PAGE = 200;

type RelayHost = Pick<Host, 'publish' | 'position' | 'isRefusal' | 'scheduler' | 'log'>;

export class Relay {
  private readonly host: RelayHost;
  private readonly database: Database;
  private readonly timer: Timer;
  private round: Promise<void> | null = null;
  private readonly repeat: (conversation: Unappended) => Promise<void>;
  private isOver = false;

  /** @param repeat says again what else a node may have left unsaid that was killed behind its commit */
  constructor(host: RelayHost, database: Database, repeat: (conversation: Unappended) => Promise<void>) {
    this.host = host;
    this.database = database;
    this.repeat = repeat;
    this.timer = host.scheduler.every(EVERY_MS, () => this.begin());
    database.onReady(() => this.begin());
  }

  async stop(): Promise<void> {
    this.isOver = true;
    this.timer.cancel();
    await this.round;
  }

  private begin(): void {
    if (this.isOver || !this.database.isReady) return;
    this.round ??= this.run().finally(() => (this.round = null));
  }

  private async run(): Promise<void> {
    try {
      for (const conversation of await unappended(this.database, AGE_SECS, CONVERSATIONS)) {
        if (this.isOver) return;
        if (!(await this.isAppended(conversation))) continue;
        await this.repeat(conversation);
        await markAppended(this.database, conversation);
      }
    } catch (error) {
      // The next round tries again; that the database is away is told by the link.
      if (!this.database.isProblem(error) || !error.isTemporary)
        this.host.log.error('The relay of conversations failed', { area: 'messaging', error: String(error) });
    }
  }

  /** Up to the head that was read: what came since is the next round's. */
  private async isAppended(conversation: Unappended): Promise<boolean> {
    const { tenant, id, epoch, head, appended } = conversation;
    const topic = topicOf(id);
    const there = await this.host.position(topic, tenant);
    if (this.host.isRefusal(there)) return false;
    let after = there.epoch === epoch ? Math.max(there.sequence, appended) : appended;
    while (after < head && !this.isOver) {
      const page = await readPage(this.database, { tenant, id }, { after, before: head + 1, limit: PAGE });
      const { messages = [] } = page ?? {};
      if (messages.length === 0) return true;
      for (const { sequence, n, sender, payload, sentAt } of messages) {
        const message = { tenant, from: sender, payload: published(payload, n), timestamp: sentAt.getTime() };
        const answer = await this.host.publish(topic, { ...message, at: { epoch, sequence } });
        if (this.host.isRefusal(answer)) return false;
        after = sequence;
      }
    }
    return after >= head;
  }
}
