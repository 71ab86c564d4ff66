/** What connections follow without asking: at connect the newest conversations of their user, later each that the user comes into. */
import type { ConnectingFacts, ConnectionFacts, Welcome } from '../../../service/connection-events.ts';
import type { Host } from '../../host-api.ts';
import type { Ports } from '../ports.ts';
import type { Tables } from '../tables.ts';
import { liveTopicOf, topicOf } from '../topic.ts';

/** Longer than a client may wait between the question and the answer. */
const RECENT_MS = 30_000;
/** Orders at the same time. */
const AT_ONCE = 50;
/** Users of one event to the nodes. */
const TOLD_AT_ONCE = 200;
const EVENT = 'followed';

/** Both topics of a conversation. */
function topicsOf(conversation: string): readonly string[] {
  return [topicOf(conversation), liveTopicOf(conversation)];
}

/** The connections of these users follow the conversation from now on, on every node. */
export async function follow(
  host: Pick<Host, 'subscribe' | 'emit'>,
  tenant: string,
  users: readonly string[],
  conversation: string,
): Promise<void> {
  for (let at = 0; at < users.length; at += TOLD_AT_ONCE)
    host.emit(EVENT, { tenant, users: users.slice(at, at + TOLD_AT_ONCE), conversation });
  const topics = topicsOf(conversation);
  for (let at = 0; at < users.length; at += AT_ONCE)
    await Promise.all(users.slice(at, at + AT_ONCE).map((user) => host.subscribe({ tenant, user }, topics)));
}

interface Recent {
  readonly conversation: string;
  readonly at: number;
}

/** Of one node. */
export class Following {
  private readonly ports: Pick<Ports, 'database' | 'settings'> & {
    readonly host: Pick<Host, 'subscribe' | 'on' | 'clock'>;
  };
  /**
   * By user: what was followed a moment ago. A client whose conversations were read before, and which was not there yet when its
   * user was subscribed, gets it when it has come.
   */
  private readonly recent = new Map<string, Recent[]>();
  private sweptAt = 0;

  constructor(ports: Following['ports']) {
    this.ports = ports;
    ports.host.on(EVENT, (data) => this.followed(data as { tenant: string; users: string[]; conversation: string }));
  }

  /** Database problems refuse the client for a while: one that came without its conversations would miss them unnoticed. */
  async connecting({ principal }: Pick<ConnectingFacts, 'principal'>): Promise<Welcome> {
    const { database, settings } = this.ports;
    const most = settings.joined_conversations;
    if (most === 0) return { subscribe: [] };
    const { tenant, user } = principal;
    const { rows } = await database.sql<{ id: string }>`
      select * from conversations.newest_conversations(${tenant}::text, ${user}::text, ${most}::int8)`.execute(
      database.tables(),
    );
    return { subscribe: rows.flatMap(({ id }) => topicsOf(id)) };
  }

  async connected({ principal }: Pick<ConnectionFacts, 'principal'>): Promise<void> {
    const { host } = this.ports;
    const { tenant, user } = principal;
    const conversations = this.recent.get(keyOf(tenant, user));
    if (conversations === undefined) return;
    this.sweep();
    const still = await this.stillIn(
      tenant,
      user,
      conversations.map(({ conversation }) => conversation),
    );
    if (still.length > 0) await host.subscribe({ tenant, user }, still.flatMap(topicsOf));
  }

  /** A user that came in a moment ago may be out again: to be subscribed needs no right. */
  private async stillIn(tenant: string, user: string, conversations: readonly string[]): Promise<readonly string[]> {
    const rows = await this.ports.database
      .tables<Tables>()
      .selectFrom('members')
      .select('conversation')
      .where('tenant', '=', tenant)
      .where('user_id', '=', user)
      .where('conversation', 'in', conversations)
      .where('status', '=', 'active')
      .execute();
    return rows.map(({ conversation }) => conversation);
  }

  private followed({ tenant, users, conversation }: { tenant: string; users: string[]; conversation: string }): void {
    const at = this.ports.host.clock.elapsed();
    this.sweep();
    for (const user of users) {
      const key = keyOf(tenant, user);
      const known = this.recent.get(key);
      if (known === undefined) this.recent.set(key, [{ conversation, at }]);
      else known.push({ conversation, at });
    }
  }

  private sweep(): void {
    const now = this.ports.host.clock.elapsed();
    if (now - this.sweptAt < RECENT_MS / 10) return;
    this.sweptAt = now;
    for (const [key, conversations] of this.recent) {
      const left = conversations.filter(({ at }) => now - at < RECENT_MS);
      if (left.length === 0) this.recent.delete(key);
      else this.recent.set(key, left);
    }
  }
}

function keyOf(tenant: string, user: string): string {
  return `${tenant}/${user}`;
}
