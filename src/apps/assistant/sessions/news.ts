/**
 * Polls that found nothing wait here for news of their session. All nodes are told that there is some, and where that is not heard,
 * the poll looks again after a while. Nobody is told what the news is: it stands in the tables.
 */
import type { Host } from '../../host-api.ts';

const EVENT = 'news';
/** Of one user; the oldest goes when there are more, as its client has probably gone. */
const MOST_OF_USER = 10;
const MOST = 20_000;

interface Place {
  readonly tenant: string;
  readonly session: string;
}

interface Waiting extends Place {
  readonly user: string;
  readonly wake: () => void;
}

/** Of one node. */
export class News {
  private readonly host: Pick<Host, 'emit'>;
  /** In the order in which they came. */
  private readonly bySession = new Map<string, Set<Waiting>>();
  private readonly byUser = new Map<string, Set<Waiting>>();
  private count = 0;

  constructor(host: Pick<Host, 'emit' | 'on'>) {
    this.host = host;
    host.on(EVENT, (data) => this.heard(data as unknown as Place));
  }

  /** To all nodes, after the commit. */
  tell({ tenant, session }: Place): void {
    this.host.emit(EVENT, { tenant, session });
  }

  /** @returns what ends the wait, or `null` where too many wait already */
  wait(waiting: Waiting): (() => void) | null {
    const user = `${waiting.tenant}/${waiting.user}`;
    const others = this.byUser.get(user);
    const [oldest] = others ?? [];
    if (others !== undefined && others.size >= MOST_OF_USER) oldest?.wake();
    if (this.count >= MOST) return null;
    this.count += 1;
    add(this.bySession, keyOf(waiting), waiting);
    add(this.byUser, user, waiting);
    return () => {
      if (!remove(this.byUser, user, waiting)) return;
      remove(this.bySession, keyOf(waiting), waiting);
      this.count -= 1;
    };
  }

  /** The node ends: nobody waits any longer. */
  stop(): void {
    for (const all of this.bySession.values()) for (const { wake } of all) wake();
  }

  private heard(place: Place): void {
    for (const { wake } of this.bySession.get(keyOf(place)) ?? []) wake();
  }
}

function keyOf({ tenant, session }: Place): string {
  return `${tenant}/${session}`;
}

function add(map: Map<string, Set<Waiting>>, key: string, waiting: Waiting): void {
  const set = map.get(key);
  if (set === undefined) map.set(key, new Set([waiting]));
  else set.add(waiting);
}

function remove(map: Map<string, Set<Waiting>>, key: string, waiting: Waiting): boolean {
  const set = map.get(key);
  if (set === undefined || !set.delete(waiting)) return false;
  if (set.size === 0) map.delete(key);
  return true;
}
