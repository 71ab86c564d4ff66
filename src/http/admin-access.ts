/** The right to operate the node: the bearer token of the configuration, or a JWT with the role `admin`. */
import { hash, timingSafeEqual } from 'node:crypto';
import { clientAddress } from '../node/client-address.ts';
import { bearerText } from '../node/handshake.ts';
import type { NodeParts } from '../node/node.ts';
import { refusalResponse } from '../node/refusal-response.ts';
import type { HttpRequest, HttpResponse, RequestHead, Route } from '../node/route.ts';
import { attemptFrom } from '../node/verification.ts';
import { isRefusal, refusal, type Refusal } from '../protocol/errors.ts';
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

/** The operator who was recognised, by the name of the audit log. */
interface Operator {
  readonly who: string;
}

export class AdminAccess {
  private readonly digest: Buffer | null;
  private readonly options: AdminAccessOptions;
  private readonly parts: NodeParts;
  private readonly log: Log;

  /** @param parts of the node: refused attempts count with the failed tokens of clients */
  constructor(options: AdminAccessOptions, parts: NodeParts, log: Log) {
    this.options = options;
    this.digest = options.token === undefined ? null : hash('sha256', options.token, 'buffer');
    this.parts = parts;
    this.log = log;
  }

  /** The route as the server may serve it: callers that are not recognised get no further. */
  guard(route: AdminRoute): Route {
    return {
      method: route.method,
      path: route.path,
      lacksToken: (head) => bearerText(head.header('authorization') ?? '') === null,
      senderOf: (head) => this.addressOf(head),
      handle: async (request) => {
        const address = this.addressOf(request);
        const operator = await new Promise<Operator | Refusal>((resolve) => {
          attemptFrom<Operator>(this.parts, address, (answered) => this.recognise(request, answered), resolve);
        });
        if (isRefusal(operator)) return this.refuse(request, address, operator);
        return route.handle({ ...request, ...operator, address });
      },
    };
  }

  private recognise(request: HttpRequest, reply: (answer: Operator | Refusal) => void): void {
    const given = bearerText(request.header('authorization') ?? '');
    if (given === null) return reply(refusal('token_missing', MISSING));
    // Digests have the same length whatever was sent, so that the time tells nothing of the token.
    if (this.digest !== null && timingSafeEqual(hash('sha256', given, 'buffer'), this.digest))
      return reply({ who: 'admin.token' });
    if (given.split('.').length !== 3)
      return reply(refusal('token_invalid', `this is not the admin token: ${MISSING}`));
    this.parts.authenticator.verify(given, (principal) => {
      if (isRefusal(principal)) return reply(principal);
      if (principal.roles.includes('admin') && principal.tenant === '') return reply({ who: principal.user });
      reply(refusal('not_allowed', 'expected a JWT with the role admin, and of no tenant'));
    });
  }

  private refuse({ method, path }: HttpRequest, address: string, refused: Refusal): HttpResponse {
    this.log.warn('Admin request refused', { address, method, path, reason: refused.reason });
    return refusalResponse(refused);
  }

  private addressOf(request: RequestHead): string {
    const forwardedFor = request.header('x-forwarded-for') ?? '';
    return clientAddress({ peer: request.address, forwardedFor }, this.options.trustedProxies);
  }
}
