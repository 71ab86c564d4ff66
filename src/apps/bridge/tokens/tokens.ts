/**
 * Tokens of Genesys by client credentials (RFC 6749 section 4.4): one for a tenant, shared by all nodes, replaced before it
 * ends. A hundred callers at once make one call. A token that Genesys refuses is forgotten, and the next caller gets a new one.
 */
import type { Clock, Scheduler } from '../../../telemetry/clock.ts';
import type { Counter } from '../../host-api.ts';
import { dropOldest } from '../../../telemetry/drop-oldest.ts';
import { fieldsOf, numberOf, textOf } from '../transforms/fields.ts';
import type { Call } from './call.ts';
import type { Credentials, GenesysCredentials } from './credentials.ts';
import type { Token, TokenStore } from './token-store.ts';

/** No token came. `unauthorized`: the credentials are wrong, and another try changes nothing. */
export class TokenError extends Error {
  override readonly name = 'TokenError';
  readonly problem: 'no_credentials' | 'unauthorized' | 'away';

  constructor(problem: 'no_credentials' | 'unauthorized' | 'away', message: string) {
    super(message);
    this.problem = problem;
  }
}

export interface TokenPorts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly call: Call;
  readonly store: TokenStore;
  readonly credentials: Credentials;
  readonly loginUrl: string;
  readonly aheadMs: number;
  readonly callMs: number;
  /** By `made`, `refused` and `away`. */
  readonly count: Counter;
}

/** Times that a node looks whether another one has got the token. */
const LOOKS = 40;
const LOOK_MS = 50;
const MOST = 10_000;
/** How long a node does not look at the store. */
const BELIEVED_MS = 1_000;

interface Known {
  readonly token: Token;
  readonly readAt: number;
}

const DEFAULT_SECS = 3_600;

export class Tokens {
  private readonly ports: TokenPorts;
  private readonly known = new Map<string, Known>();
  private readonly asking = new Map<string, Promise<Token>>();

  constructor(ports: TokenPorts) {
    this.ports = ports;
  }

  /** @throws TokenError */
  async of(tenant: string): Promise<string> {
    const { clock, aheadMs } = this.ports;
    const known = await this.believed(tenant);
    const left = known === null ? 0 : known.expiresAt - clock.now();
    if (known === null || left <= 0) return (await this.once(tenant)).accessToken;
    // Good for a while yet: the new one is got beside the work.
    if (left < Math.min(aheadMs, known.lifeMs / 2)) this.once(tenant).catch(() => {});
    return known.accessToken;
  }

  /** Genesys has refused it. */
  async refused(tenant: string, accessToken: string): Promise<void> {
    if (this.known.get(tenant)?.token.accessToken === accessToken) this.known.delete(tenant);
    await this.ports.store.forget(tenant, accessToken);
  }

  /** Others credentials, perhaps: nothing that is known counts. */
  forget(tenant: string): void {
    this.known.delete(tenant);
  }

  /** What all nodes share, which somebody may have deleted: it is looked at again after a moment. */
  private async believed(tenant: string): Promise<Token | null> {
    const { clock, store } = this.ports;
    const known = this.known.get(tenant);
    if (known !== undefined && clock.elapsed() - known.readAt < BELIEVED_MS) return known.token;
    const kept = await store.read(tenant);
    if (kept === null) {
      this.known.delete(tenant);
      return null;
    }
    return this.keep(tenant, kept);
  }

  private once(tenant: string): Promise<Token> {
    const asking = this.asking.get(tenant);
    if (asking !== undefined) return asking;
    const promise = this.shared(tenant).finally(() => this.asking.delete(tenant));
    this.asking.set(tenant, promise);
    return promise;
  }

  private async shared(tenant: string): Promise<Token> {
    const { store, clock, aheadMs, callMs, scheduler } = this.ports;
    for (let looks = 0; looks < LOOKS; looks += 1) {
      const kept = await store.read(tenant);
      if (kept !== null && kept.expiresAt - clock.now() >= Math.min(aheadMs, kept.lifeMs / 2))
        return this.keep(tenant, kept);
      if (await store.lock(tenant, callMs * 2)) {
        try {
          const made = await this.make(tenant);
          await store.write(tenant, made);
          return this.keep(tenant, made);
        } finally {
          await store.unlock(tenant);
        }
      }
      await new Promise<void>((resolve) => {
        scheduler.after(LOOK_MS, resolve);
      });
    }
    throw new TokenError('away', 'expected a token from the node that gets one, got none');
  }

  private keep(tenant: string, token: Token): Token {
    this.known.delete(tenant);
    this.known.set(tenant, { token, readAt: this.ports.clock.elapsed() });
    dropOldest(this.known, MOST);
    return token;
  }

  private async make(tenant: string): Promise<Token> {
    const { credentials, call, loginUrl, callMs, clock, count } = this.ports;
    const given = await credentials.of('genesys', tenant);
    if (given === null)
      throw new TokenError(
        'no_credentials',
        'expected credentials of Genesys for this tenant, got none that are whole',
      );
    const answer = await call({
      url: `${hostOf(loginUrl, given)}/oauth/token`,
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${given.clientId}:${given.clientSecret}`).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: 'grant_type=client_credentials',
      timeoutMs: callMs,
    });
    if (answer.kind !== 'answer') {
      count.add(1, 'away');
      throw new TokenError('away', `expected a token of Genesys, got ${answer.detail}`);
    }
    const { status, json } = answer;
    const accessToken = textOf(fieldsOf(json ?? {})['access_token']);
    if (status !== 200 || accessToken === undefined) {
      const isWrong = status === 400 || status === 401 || status === 403;
      count.add(1, isWrong ? 'refused' : 'away');
      if (isWrong) credentials.renew('genesys', tenant);
      throw new TokenError(isWrong ? 'unauthorized' : 'away', `Failed to obtain OAuth token: status ${status}`);
    }
    count.add(1, 'made');
    const secs = numberOf(fieldsOf(json ?? {})['expires_in']) ?? DEFAULT_SECS;
    const lifeMs = Math.max(1, secs) * 1_000;
    return { accessToken, lifeMs, expiresAt: clock.now() + lifeMs };
  }
}

/** A host of the region of a tenant. */
export function hostOf(url: string, { region }: Pick<GenesysCredentials, 'region'>): string {
  return url.replaceAll('{region}', region);
}
