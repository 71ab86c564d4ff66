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

export interface AdminRoute extends Pick<Route, 'method' | 'path'> {
  handle(request: AdminRequest): Promise<HttpResponse> | HttpResponse;
}

const MISSING = 'expected the header "Authorization: Bearer <admin token>", or a JWT with the role admin in its place';

/** The operator who was recognised, by the name of the audit log. */
interface Operator {
  readonly who: string;
  /** Why it is not accepted any more when its body has come, or `null`. */
  readonly lapsed: () => Refusal | null;
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

  /** The route as the server may serve it: callers that are not recognised get no further, and send no body. */
  guard(route: AdminRoute): Route {
    return {
      method: route.method,
      path: route.path,
      senderOf: (head) => this.addressOf(head),
      authorize: (head, decide) => {
        const address = this.addressOf(head);
        const recognise = (answered: (answer: Operator | Refusal) => void): void => this.recognise(head, answered);
        attemptFrom<Operator>(
          this.parts,
          () => address,
          recognise,
          (operator) => {
            if (isRefusal(operator)) return decide({ answer: this.refuse(head, address, operator) });
            decide({ handle: (request) => this.serve(route, { ...request, who: operator.who, address }, operator) });
          },
        );
      },
    };
  }

  private serve(route: AdminRoute, request: AdminRequest, { lapsed }: Operator): ReturnType<AdminRoute['handle']> {
    const late = lapsed();
    return late === null ? route.handle(request) : this.refuse(request, request.address, late);
  }

  private recognise(head: RequestHead, reply: (answer: Operator | Refusal) => void): void {
    const given = bearerText(head.header('authorization') ?? '');
    if (given === null) return reply(refusal('token_missing', MISSING));
    // Digests have the same length whatever was sent, so that the time tells nothing of the token.
    if (this.digest !== null && timingSafeEqual(hash('sha256', given, 'buffer'), this.digest))
      return reply({ who: 'admin.token', lapsed: () => null });
    if (given.split('.').length !== 3)
      return reply(refusal('token_invalid', `this is not the admin token: ${MISSING}`));
    const { authenticator } = this.parts;
    authenticator.verify(given, (principal) => {
      if (isRefusal(principal)) return reply(principal);
      if (principal.roles.includes('admin') && principal.tenant === '')
        return reply({ who: principal.user, lapsed: () => authenticator.lapsed(principal) });
      reply(refusal('not_allowed', 'expected a JWT with the role admin, and of no tenant'));
    });
  }

  private refuse({ method, path }: RequestHead, address: string, refused: Refusal): HttpResponse {
    this.log.warn('Admin request refused', { address, method, path, reason: refused.reason });
    return refusalResponse(refused);
  }

  private addressOf(request: RequestHead): string {
    const forwardedFor = request.header('x-forwarded-for') ?? '';
    return clientAddress({ peer: request.address, forwardedFor }, this.options.trustedProxies);
  }
}
