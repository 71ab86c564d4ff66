/**
 * Appends to the log what is stored and perhaps not there, and takes out of it what was edited or deleted: a node was killed
 * between its commit and the log, or the log could not take it. Every node has a relay, and two of them do no harm: doing what
 * is done changes nothing.
 */
import type { Database } from '../../database/database.ts';
import type { Timer } from '../../telemetry/clock.ts';
import type { Host } from '../host-api.ts';
import { mentioned, tellMentioned } from './messages/mentions.ts';
import { published } from './messages/payload.ts';
import { changedUpTo, markAppended, readPage, unappended, type Unappended } from './store.ts';
import { topicOf } from './topic.ts';

const EVERY_MS = 1_000;
/** Younger messages are on their way. */
const AGE_SECS = 2;
const CONVERSATIONS = 100;
/** Conversations at a time: one whose log answers slowly does not hold up the others. */
const WIDTH = 8;
const PAGE = 200;
/** A conversation that failed is left alone for so long, twice as long each time. */
const PAUSE_MS = { first: 1_000, most: 60_000 };
const MAX_PAUSED = 10_000;

type RelayHost = Pick<
  Host,
  'publish' | 'withdraw' | 'directMessage' | 'logPosition' | 'isRefusal' | 'background' | 'scheduler' | 'clock' | 'log'
>;

/** What else a node may have left unsaid that was killed behind its commit. */
export interface Repeats {
  readonly changed: (conversation: Unappended) => Promise<void>;
  /** Of conversations that are older than that. */
  readonly begun: (ageSecs: number) => Promise<void>;
}

interface Pause {
  readonly ms: number;
  readonly until: number;
}

export class Relay {
  private readonly host: RelayHost;
  private readonly database: Database;
  private readonly timer: Timer;
  private readonly paused = new Map<string, Pause>();
  private round: Promise<void> | null = null;
  private readonly repeats: Repeats;
  private isOver = false;

  constructor(host: RelayHost, database: Database, repeats: Repeats) {
    this.host = host;
    this.repeats = repeats;
    this.database = database;
    this.timer = host.scheduler.every(EVERY_MS, () => void this.begin());
    database.onReady(() => void this.begin());
  }

  async stop(): Promise<void> {
    this.isOver = true;
    this.timer.cancel();
    await this.round;
  }

  /** Resolves at the end of the round that is under way, or begins now. @param ageSecs of what is looked at */
  begin(ageSecs = AGE_SECS): Promise<void> {
    if (this.isOver || !this.database.isReady) return Promise.resolve();
    // The next round tries again.
    this.round ??= this.host.background('messaging: relay', () => this.run(ageSecs)).finally(() => (this.round = null));
    return this.round;
  }

  /** All of them, a page after the other: those that fail are no page that comes again and again. */
  private async run(ageSecs: number): Promise<void> {
    await this.repeats.begun(ageSecs);
    for (let last: Unappended | null = null; ;) {
      const page: readonly Unappended[] = await unappended(this.database, ageSecs, CONVERSATIONS, last);
      await this.relayAll(page);
      last = page.at(-1) ?? null;
      if (page.length < CONVERSATIONS || this.isOver) return;
    }
  }

  private async relayAll(page: readonly Unappended[]): Promise<void> {
    const waiting = page.values();
    const work = async (): Promise<void> => {
      for (const conversation of waiting) {
        if (this.isOver) return;
        await this.relay(conversation);
      }
    };
    await Promise.all(Array.from({ length: Math.min(WIDTH, page.length) }, work));
  }

  private async relay(conversation: Unappended): Promise<void> {
    const key = `${conversation.tenant}/${conversation.id}`;
    const pause = this.paused.get(key);
    const now = this.host.clock.elapsed();
    if (pause !== undefined && pause.until > now) return;
    if (await this.isDone(conversation)) {
      this.paused.delete(key);
      await this.repeats.changed(conversation);
      return markAppended(this.database, conversation);
    }
    const ms = Math.min((pause?.ms ?? PAUSE_MS.first / 2) * 2, PAUSE_MS.most);
    if (this.paused.size >= MAX_PAUSED) this.paused.clear();
    this.paused.set(key, { ms, until: now + ms });
  }

  private async isDone(conversation: Unappended): Promise<boolean> {
    const { tenant, id } = conversation;
    if (!(await this.isAppended(conversation))) return false;
    const upTo = await changedUpTo(this.database, conversation);
    return upTo === 0 || (await this.host.withdraw(topicOf(id), upTo, tenant)) === null;
  }

  /** Up to the head that was read: what came since is the next round's. */
  private async isAppended(conversation: Unappended): Promise<boolean> {
    const { tenant, id, epoch, head, appended } = conversation;
    const topic = topicOf(id);
    // The head of a topic whose log is empty is what this application says itself: by it nothing would ever be missing.
    const there = await this.host.logPosition(topic, tenant);
    if (this.host.isRefusal(there)) return false;
    let after = there.epoch === epoch ? Math.max(there.sequence, appended) : appended;
    while (after < head && !this.isOver) {
      const page = await readPage(this.database, { tenant, id }, { after, before: head + 1, limit: PAGE });
      const { messages = [] } = page ?? {};
      if (messages.length === 0) return true;
      for (const { sequence, n, sender: from, payload: text, sentAt } of messages) {
        const payload = published(text, n);
        const message = { tenant, from, payload, timestamp: sentAt.getTime(), at: { epoch, sequence } };
        if (this.host.isRefusal(await this.host.publish(topic, message))) return false;
        await tellMentioned({ host: this.host }, { tenant, conversation: id, sequence, from }, mentioned(payload));
        after = sequence;
      }
    }
    return after >= head;
  }
}
