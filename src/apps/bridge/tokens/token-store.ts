/** Where tokens of Genesys are kept for all nodes, and who of them gets a new one. */
import { dropOldest } from '../../../telemetry/drop-oldest.ts';

/** Tenants whose tokens a node keeps. */
const MOST = 10_000;

export interface Token {
  readonly accessToken: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** How long it lived when it was new. */
  readonly lifeMs: number;
}

export interface TokenStore {
  read(tenant: string): Promise<Token | null>;
  write(tenant: string, token: Token): Promise<void>;
  /** Forgets a token that Genesys does not accept any more, unless another one is there by now. */
  forget(tenant: string, accessToken: string): Promise<void>;
  /** Whether this node gets the new one: for so long no other does. */
  lock(tenant: string, ms: number): Promise<boolean>;
  unlock(tenant: string): Promise<void>;
}

/** Of one node. */
export class MemoryTokenStore implements TokenStore {
  private readonly tokens = new Map<string, Token>();

  async read(tenant: string): Promise<Token | null> {
    return this.tokens.get(tenant) ?? null;
  }

  async write(tenant: string, token: Token): Promise<void> {
    this.tokens.delete(tenant);
    this.tokens.set(tenant, token);
    dropOldest(this.tokens, MOST);
  }

  async forget(tenant: string, accessToken: string): Promise<void> {
    if (this.tokens.get(tenant)?.accessToken === accessToken) this.tokens.delete(tenant);
  }

  /** Callers of one node are one caller: see Tokens. */
  async lock(): Promise<boolean> {
    return true;
  }

  async unlock(): Promise<void> {}
}
