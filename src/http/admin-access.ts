/** Who may operate the node: the bearer token of the configuration, or a JWT with the role `admin`. */
import { hash, timingSafeEqual } from 'node:crypto';
import type { Authenticator } from '../auth/authenticator.ts';
import type { KeyedBuckets } from '../limits/keyed-buckets.ts';
import { clientAddress } from '../node/handshake.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import type { HttpRequest, HttpResponse, Route } from '../node/route.ts';
import { refusal, type Refusal } from '../protocol/errors.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Log } from '../telemetry/log.ts';

export interface AdminAccessOptions {
  /** `admin.token`; without one only JWTs are accepted. */
  readonly token: string | undefined;
  readonly trustedProxies: readonly string[];
}

/** A request whose sender has been recognised. */
export interface AdminRequest extends HttpRequest {
  /** For the audit log: `admin.token`, or the user of the JWT. */
  readonly who: string;
}

export interface AdminRoute extends Omit<Route, 'handle'> {
  handle(request: AdminRequest): Promise<HttpResponse> | HttpResponse;
}

const MISSING = 'expected the header "Authorization: Bearer <admin token>", or a JWT with the role admin in its place';

export class AdminAccess {
  private readonly digest: Buffer | null;
  private readonly options: AdminAccessOptions;
  private readonly authenticator: Authenticator;
  private readonly failures: KeyedBuckets;
  private readonly clock: Clock;
  private readonly log: Log;

  /** @param failures refused attempts per address, shared with the failed tokens of clients */
  constructor(
    options: AdminAccessOptions,
    authenticator: Authenticator,
    failures: KeyedBuckets,
    clock: Clock,
    log: Log,
  ) {
    this.options = options;
    this.digest = options.token === undefined ? null : hash('sha256', options.token, 'buffer');
    this.authenticator = authenticator;
    this.failures = failures;
    this.clock = clock;
    this.log = log;
  }

  /** The route as the server may serve it: whoever is not recognised gets no further. */
  guard(route: AdminRoute): Route {
    return {
      method: route.method,
      path: route.path,
      handle: async (request) => {
        const who = await this.recognise(request);
        if (typeof who !== 'string') return this.refuse(request, who);
        return route.handle({ ...request, who, address: this.addressOf(request) });
      },
    };
  }

  private async recognise(request: HttpRequest): Promise<string | Refusal> {
    const now = this.clock.elapsed();
    const address = this.addressOf(request);
    if (!this.failures.allows(address, 1, now)) {
      const wait = this.failures.wait(address, 1, now);
      return refusal('rate_limited', 'expected fewer refused attempts from this address', wait);
    }
    const [, given] = /^Bearer +(.*\S) *$/i.exec(request.header('authorization') ?? '') ?? [];
    if (given === undefined) return refusal('token_missing', MISSING);
    // Digests have the same length whatever was sent, so that the time tells nothing of the token.
    if (this.digest !== null && timingSafeEqual(hash('sha256', given, 'buffer'), this.digest)) return 'admin.token';
    if (given.split('.').length !== 3) return refusal('token_invalid', `this is not the admin token: ${MISSING}`);
    const principal = await new Promise<Parameters<Parameters<Authenticator['verify']>[1]>[0]>((resolve) =>
      this.authenticator.verify(given, resolve),
    );
    if ('reason' in principal) return principal;
    if (principal.roles.includes('admin') && principal.tenant === '') return principal.user;
    return refusal('not_allowed', 'expected a JWT with the role admin, and of no tenant');
  }

  private refuse(request: HttpRequest, refused: Refusal): HttpResponse {
    const address = this.addressOf(request);
    if (refused.reason !== 'rate_limited') this.failures.take(address, 1, this.clock.elapsed());
    this.log.warn('Admin request refused', {
      address,
      method: request.method,
      path: request.path,
      reason: refused.reason,
    });
    return refusalResponse(refused);
  }

  private addressOf(request: HttpRequest): string {
    const forwardedFor = request.header('x-forwarded-for') ?? '';
    return clientAddress({ peer: request.address, forwardedFor }, this.options.trustedProxies);
  }
}
