/**
 * News of users that come and go, which every node remembers until their members were told. The node that hears of a change lets
 * all nodes know first, and then tells the members. When it is killed in between, another one tells them a little later, under the
 * same key, so that members are told once.
 */
import type { Timer } from '../../../telemetry/clock.ts';
import { dropOldest } from '../../../telemetry/drop-oldest.ts';
import type { Host } from '../../host-api.ts';

export interface News {
  /** Of the change: what is told twice under it is told once. */
  readonly id: string;
  readonly tenant: string;
  readonly user: string;
  readonly isPresent: boolean;
}

interface Remembered {
  readonly news: News;
  /** When this node tells it, by its monotonic clock, in ms. */
  dueAt: number;
}

/** What nodes tell each other at the end of a turn. */
interface Word {
  readonly news: readonly News[];
  /** Ids of those of which members were told. */
  readonly told: readonly string[];
}

type NewsHost = Pick<Host, 'node' | 'emit' | 'on' | 'clock' | 'scheduler'>;

const EVENT = 'online';
const SWEEP_MS = 500;
/** A node that does not hear its own word in time, as while the bus between nodes is away, tells members all the same. */
const OWN_MS = 1_000;
/** How much later than the node that has heard of a change another one tells it. */
const OTHERS_MS = 2_000;
/** Changes that a node remembers for others; of the oldest beyond them it knows nothing. */
const MAX_REMEMBERED = 100_000;
/** In a word: users with the longest names stay below what nodes may tell each other. */
const AT_ONCE = 20;

export function keyOf({ tenant, user }: Pick<News, 'tenant' | 'user'>): string {
  return JSON.stringify([tenant, user]);
}

/** Of one node. */
export class NewsOfNodes {
  private readonly host: NewsHost;
  private readonly isReady: () => boolean;
  private readonly tell: (news: News, isOld: boolean) => void;
  private readonly timer: Timer;
  /** By user: only the newest counts. */
  private readonly remembered = new Map<string, Remembered>();
  private readonly keysById = new Map<string, string>();
  private news: News[] = [];
  private told: string[] = [];
  private isWordDue = false;

  /**
   * @param isReady whether this node could tell anybody
   * @param tell called for what this node is to tell now; `isOld` when it has waited
   */
  constructor(host: NewsHost, isReady: () => boolean, tell: (news: News, isOld: boolean) => void) {
    this.host = host;
    this.isReady = isReady;
    this.tell = tell;
    host.on(EVENT, (data, { node }) => {
      const word = data as unknown as Word;
      if (node === host.node) this.heardOwn(word);
      else this.heard(word);
    });
    this.timer = host.scheduler.every(SWEEP_MS, () => this.sweep());
  }

  stop(): void {
    this.timer.cancel();
  }

  /** This node is the one that hears of the change. */
  begin(news: News): void {
    this.remember(news, OWN_MS);
    this.news.push(news);
    this.speakLater();
  }

  /** This node has told it. */
  done({ id }: News): void {
    this.told.push(id);
    this.speakLater();
  }

  /** One word for what changes in a turn: a node that is lost loses hundreds of users at once. */
  private speakLater(): void {
    if (this.isWordDue) return;
    this.isWordDue = true;
    this.host.scheduler.endOfTurn(() => {
      this.isWordDue = false;
      const { news, told } = this;
      [this.news, this.told] = [[], []];
      for (let at = 0; at < Math.max(news.length, told.length); at += AT_ONCE)
        this.host.emit(EVENT, {
          news: news.slice(at, at + AT_ONCE).map((one) => ({ ...one })),
          told: told.slice(at, at + AT_ONCE),
        });
    });
  }

  /** Now all others have it as well: whatever becomes of this node, members are told. */
  private heardOwn({ news }: Word): void {
    for (const one of news) {
      if (this.remembered.get(keyOf(one))?.news.id !== one.id) continue;
      this.forget(keyOf(one));
      this.tell(one, false);
    }
  }

  private heard({ news, told }: Word): void {
    for (const one of news) this.remember(one, OTHERS_MS);
    for (const id of told) {
      const key = this.keysById.get(id);
      if (key !== undefined) this.forget(key);
    }
  }

  /** The newest of a user takes the place of what was heard before. */
  private remember(news: News, ms: number): void {
    const key = keyOf(news);
    this.forget(key);
    this.remembered.set(key, { news, dueAt: this.host.clock.elapsed() + ms });
    this.keysById.set(news.id, key);
    dropOldest(this.remembered, MAX_REMEMBERED);
    dropOldest(this.keysById, MAX_REMEMBERED);
  }

  private forget(key: string): void {
    const known = this.remembered.get(key);
    if (known === undefined) return;
    this.remembered.delete(key);
    this.keysById.delete(known.news.id);
  }

  private sweep(): void {
    const now = this.host.clock.elapsed();
    const isReady = this.isReady();
    for (const [key, remembered] of this.remembered) {
      // While the database is away its own node waits too, and is the first when it is back.
      if (!isReady) remembered.dueAt = now + OTHERS_MS;
      else if (remembered.dueAt <= now) {
        this.forget(key);
        this.tell(remembered.news, true);
      }
    }
  }
}
