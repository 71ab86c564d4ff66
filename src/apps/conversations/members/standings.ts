/**
 * Looks up what decides over rights. All that is asked in one turn is one query, and the same question is asked once: a client
 * that connects asks for both topics of each of its conversations, and a change of rights asks for every connection anew.
 */
import type { Database } from '../../../database/database.ts';
import type { Scheduler } from '../../../telemetry/clock.ts';
import { joinParts } from '../../../protocol/parts.ts';
import type { Standing } from './roles.ts';

interface Wanted {
  readonly tenant: string;
  readonly conversation: string;
  readonly user: string;
  readonly answer: PromiseWithResolvers<MemberStanding | null>;
}

/** And the sequence after which the member may read. */
export type MemberStanding = Standing & { readonly history_from: number };

type Row = MemberStanding & { readonly n: number };

/** Of one query. */
const AT_ONCE = 1_000;

export class Standings {
  private readonly database: Database;
  private readonly scheduler: Scheduler;
  private wanted = new Map<string, Wanted>();

  constructor(database: Database, scheduler: Scheduler) {
    this.database = database;
    this.scheduler = scheduler;
  }

  /** `null` for whoever never was a member. @throws DatabaseError */
  find(tenant: string, conversation: string, user: string): Promise<MemberStanding | null> {
    const key = joinParts(tenant, conversation, user);
    const known = this.wanted.get(key);
    if (known !== undefined) return known.answer.promise;
    const answer = Promise.withResolvers<MemberStanding | null>();
    if (this.wanted.size === 0) this.scheduler.endOfTurn(() => this.look());
    this.wanted.set(key, { tenant, conversation, user, answer });
    return answer.promise;
  }

  private look(): void {
    const all = [...this.wanted.values()];
    this.wanted = new Map();
    for (let at = 0; at < all.length; at += AT_ONCE) void this.read(all.slice(at, at + AT_ONCE));
  }

  private async read(some: readonly Wanted[]): Promise<void> {
    try {
      const { rows } = await this.database.sql<Row>`select * from conversations.find_standings(
        ${some.map(({ tenant }) => tenant)}::text[],
        ${some.map(({ conversation }) => conversation)}::text[],
        ${some.map(({ user }) => user)}::text[]
      )`.execute(this.database.tables());
      const found = new Map(rows.map((row) => [row.n, row]));
      for (const [at, { answer }] of some.entries()) answer.resolve(found.get(at + 1) ?? null);
    } catch (error) {
      for (const { answer } of some) answer.reject(error);
    }
  }
}
