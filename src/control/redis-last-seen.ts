/** When each node was last seen, by its name: one that ends without saying goodbye is missed, and its lease does not tell that. */
import type { Command as RedisCommand } from '../redis/command-client.ts';
import type { Keys } from '../redis/keys.ts';
import type { Departed, Member } from './command.ts';

/** Names of pods may be new ones each time: a node that did not come back in this time is no matter any more. */
const FORGOTTEN_MS = 3_600_000;
/** Names that are told at most. */
const MOST = 100;

export class LastSeen {
  private readonly key: string;

  constructor(keys: Keys) {
    this.key = keys.key('lastseen', '', 'all');
  }

  /** Goes with each renewal of the lease. @param now in ms since 1970 */
  renewal(node: string, now: number): readonly RedisCommand[] {
    return [
      ['ZADD', this.key, now, node],
      ['ZREMRANGEBYSCORE', this.key, '-inf', now - FORGOTTEN_MS],
    ];
  }

  /** Nobody misses a node that says it. */
  goodbye(node: string): RedisCommand {
    return ['ZREM', this.key, node];
  }

  get question(): RedisCommand {
    return ['ZRANGE', this.key, '+inf', '-inf', 'BYSCORE', 'REV', 'LIMIT', 0, MOST, 'WITHSCORES'];
  }

  /** @param answer to {@link question} @param members who live */
  departed(answer: unknown, members: readonly Member[]): readonly Departed[] {
    if (!Array.isArray(answer)) return [];
    // In pairs, or one after the other, as the protocol of the connection has it.
    const words = answer.flat().map(String);
    const live = new Set(members.map(({ node }) => node));
    return words.flatMap((node, at) =>
      at % 2 === 0 && !live.has(node) ? [{ node, seen_at: Number(words[at + 1]) }] : [],
    );
  }
}
