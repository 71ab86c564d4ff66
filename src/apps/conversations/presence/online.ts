/**
 * Members are told when somebody with whom they share a conversation comes online, and when the last device of that one is gone.
 * The server's presence says so once for all nodes, after its grace, and for those whose node was killed. The users of a tenant
 * share few places: a place for each of them would be a log for each.
 */
import { createHash } from 'node:crypto';
import type { ConnectionFacts } from '../../../service/connection-events.ts';
import { dropOldest } from '../../../telemetry/drop-oldest.ts';
import type { Host, HostPresence } from '../../host-api.ts';
import { tellLive } from '../positions/live.ts';
import type { Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';
import { keyOf, NewsOfNodes, type News } from './news.ts';

const PLACES = 64;
/** Users of whom is told at the same time. */
const WIDTH = 4;
/** Users that wait to be told of; of the oldest beyond them nobody is told. */
const MAX_WAITING = 100_000;

export interface OnlinePorts extends Pick<Ports, 'database' | 'settings'> {
  readonly host: Pick<
    Host,
    'node' | 'publish' | 'isRefusal' | 'background' | 'log' | 'emit' | 'on' | 'clock' | 'scheduler' | 'random'
  > & { readonly presence: HostPresence };
}

interface Waiting extends News {
  /** It has waited: the user may have come back, or gone, elsewhere. */
  readonly isOld: boolean;
}

/** Where a user is kept. */
export function placeOf(user: string): string {
  const [first = 0] = createHash('sha256').update(user).digest();
  return `online.${first % PLACES}`;
}

/** Of one node. */
export class Online {
  private readonly ports: OnlinePorts;
  /** By user: only the newest counts. */
  private readonly waiting = new Map<string, Waiting>();
  /** What all nodes remember until it is told: this one may end before it has told it. */
  private readonly news: NewsOfNodes;
  private running = 0;
  private idle: (() => void)[] = [];
  private isOver = false;

  constructor(ports: OnlinePorts) {
    this.ports = ports;
    const { host, database } = ports;
    this.news = new NewsOfNodes(
      host,
      () => database.isReady,
      (news, isOld) => this.heard({ ...news, isOld }),
    );
    host.presence.onChange(({ tenant, user, isPresent }) =>
      this.news.begin({ id: host.random.id(), tenant, user, isPresent }),
    );
    ports.database.onReady(() => this.next());
  }

  connected(connection: ConnectionFacts): void {
    this.ports.host.presence.enter(connection, placeOf(connection.principal.user));
  }

  /** Resolves when nobody is being told any more. */
  stop(): Promise<void> {
    this.isOver = true;
    this.news.stop();
    if (this.running === 0) return Promise.resolve();
    return new Promise((resolve) => this.idle.push(resolve));
  }

  private heard(news: Waiting): void {
    const key = keyOf(news);
    // The newest is behind all others.
    this.waiting.delete(key);
    this.waiting.set(key, news);
    dropOldest(this.waiting, MAX_WAITING);
    this.next();
  }

  private next(): void {
    while (this.running < WIDTH && this.ports.database.isReady && !this.isOver) {
      const [first] = this.waiting;
      if (first === undefined) return;
      const [key, news] = first;
      this.waiting.delete(key);
      this.running += 1;
      void this.ports.host
        .background('messaging: users that are online', () => this.tellOrKeep(key, news))
        .finally(() => {
          this.running -= 1;
          this.next();
          if (this.running === 0) for (const resolve of this.idle.splice(0)) resolve();
        });
    }
  }

  /** News that could not be told for now are told when the database is back, as they are then. */
  private async tellOrKeep(key: string, news: Waiting): Promise<void> {
    const { database } = this.ports;
    try {
      await this.tell(news);
      this.news.done(news);
    } catch (error) {
      if (!database.isReady && !this.waiting.has(key)) this.waiting.set(key, { ...news, isOld: true });
      throw error;
    }
  }

  private async tell(news: Waiting): Promise<void> {
    const { database, settings } = this.ports;
    const { tenant, user } = news;
    const isPresent = news.isOld ? await this.isPresent(news) : news.isPresent;
    const { rows } = await database.sql<{ id: string }>`
      select * from conversations.newest_conversations(${tenant}::text, ${user}::text, ${settings.joined_conversations}::int8)`.execute(
      database.tables<Tables>(),
    );
    const event = isPresent ? 'user_online' : 'user_offline';
    await Promise.all(
      rows.map(({ id }) => tellLive(this.ports, { tenant, user }, id, { event, user }, `online.${news.id}`)),
    );
  }

  private async isPresent({ tenant, user, isPresent }: News): Promise<boolean> {
    const { host } = this.ports;
    const present = await host.presence.present(tenant, [{ place: placeOf(user), user }]);
    return host.isRefusal(present) ? isPresent : present.has(user);
  }
}
