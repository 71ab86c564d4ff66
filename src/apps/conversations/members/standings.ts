/**
 * Looks up what decides over rights: a client that connects asks for both topics of each of its conversations, and a change of
 * rights asks for every connection anew.
 */
import type { Database } from '../../../database/database.ts';
import { joinParts } from '../../../protocol/parts.ts';
import type { Scheduler } from '../../../telemetry/clock.ts';
import { TurnLookup } from '../turn-lookup.ts';
import type { Standing } from './roles.ts';

interface Key {
  readonly tenant: string;
  readonly conversation: string;
  readonly user: string;
}

/** And the sequence after which the member may read. */
export type MemberStanding = Standing & { readonly history_from: number };

export class Standings {
  private readonly lookup: TurnLookup<Key, MemberStanding>;

  constructor(database: Database, scheduler: Scheduler) {
    this.lookup = new TurnLookup(scheduler, async (keys) => {
      const { rows } = await database.sql<
        MemberStanding & { readonly n: number }
      >`select * from conversations.find_standings(
        ${keys.map(({ tenant }) => tenant)}::text[],
        ${keys.map(({ conversation }) => conversation)}::text[],
        ${keys.map(({ user }) => user)}::text[]
      )`.execute(database.tables());
      return rows;
    });
  }

  /** `null` for a user who never was a member. @throws DatabaseError */
  find(tenant: string, conversation: string, user: string): Promise<MemberStanding | null> {
    return this.lookup.find(joinParts(tenant, conversation, user), { tenant, conversation, user });
  }
}
