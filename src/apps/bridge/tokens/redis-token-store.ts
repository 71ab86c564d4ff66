/** Tokens in Redis, under the names that guide 002 reads: `tenant:<id>:oauth:token`, with the time to live of the token. */
import { isFailure } from '../../../redis/command-client.ts';
import type { SharedStore } from '../../host-api.ts';
import { MemoryTokenStore, type Token, type TokenStore } from './token-store.ts';

/** The value is the token's as JSON. */
const FORGET = `local kept = redis.call('GET', KEYS[1])
if kept and string.find(kept, ARGV[1], 1, true) then return redis.call('DEL', KEYS[1]) end
return 0`;
const UNLOCK = `if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0`;

class RedisTokenStore implements TokenStore {
  private readonly shared: SharedStore;
  private readonly clock: { now(): number };
  private readonly owner: string;
  /** While Redis is away every node has its own. */
  private readonly alone = new MemoryTokenStore();

  constructor(shared: SharedStore, clock: { now(): number }, owner: string) {
    this.shared = shared;
    this.clock = clock;
    this.owner = owner;
  }

  async read(tenant: string): Promise<Token | null> {
    const kept = await this.ask(['GET', tokenKey(tenant)]);
    if (isFailure(kept)) return this.alone.read(tenant);
    if (typeof kept !== 'string') return null;
    try {
      return JSON.parse(kept) as Token;
    } catch {
      return null;
    }
  }

  async write(tenant: string, token: Token): Promise<void> {
    const ms = Math.max(1, Math.round(token.expiresAt - this.clock.now()));
    const kept = await this.ask(['SET', tokenKey(tenant), JSON.stringify(token), 'PX', ms]);
    if (isFailure(kept)) await this.alone.write(tenant, token);
  }

  async forget(tenant: string, accessToken: string): Promise<void> {
    await this.alone.forget(tenant, accessToken);
    await this.ask(['EVAL', FORGET, 1, tokenKey(tenant), JSON.stringify(accessToken)]);
  }

  async lock(tenant: string, ms: number): Promise<boolean> {
    const locked = await this.ask(['SET', lockKey(tenant), this.owner, 'NX', 'PX', ms]);
    return isFailure(locked) || locked === 'OK';
  }

  async unlock(tenant: string): Promise<void> {
    await this.ask(['EVAL', UNLOCK, 1, lockKey(tenant), this.owner]);
  }

  /** What Redis answers, or why it does not. */
  private ask(command: readonly [string, ...(string | number)[]]): Promise<unknown> {
    return new Promise((resolve) => {
      this.shared.write([command], ([answer]) => resolve(answer));
    });
  }
}

/** @param owner of locks: this process */
export function sharedTokenStore(shared: SharedStore, clock: { now(): number }, owner: string): TokenStore {
  return new RedisTokenStore(shared, clock, owner);
}

function tokenKey(tenant: string): string {
  return `tenant:${tenant}:oauth:token`;
}

function lockKey(tenant: string): string {
  return `tenant:${tenant}:oauth:lock`;
}
