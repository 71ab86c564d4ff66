/**
 * Where conversations stand. Each topic that nobody on a node has followed since its log was lost is asked about, and a client
 * that connects begins with all its conversations.
 */
import type { Database } from '../../../database/database.ts';
import { joinParts } from '../../../protocol/parts.ts';
import type { Scheduler } from '../../../telemetry/clock.ts';
import { TurnLookup } from '../turn-lookup.ts';

interface Head {
  readonly epoch: string;
  readonly head: number;
  /** The oldest sequence that is kept. */
  readonly first: number;
}

export class Heads {
  private readonly lookup: TurnLookup<{ readonly tenant: string; readonly id: string }, Head>;

  constructor(database: Database, scheduler: Scheduler) {
    this.lookup = new TurnLookup(scheduler, async (keys) => {
      const { rows } = await database.sql<Head & { readonly n: number }>`select * from conversations.find_heads(
        ${keys.map(({ tenant }) => tenant)}::text[],
        ${keys.map(({ id }) => id)}::text[]
      )`.execute(database.tables());
      return rows;
    });
  }

  /** `null` for a conversation that is not there. @throws DatabaseError */
  find(tenant: string, id: string): Promise<Head | null> {
    return this.lookup.find(joinParts(tenant, id), { tenant, id });
  }
}
