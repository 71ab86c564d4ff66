/** `POST /admin/tokens/check`: whether this node takes a token, why not, and what its user may do. It changes nothing. */
import { z } from 'zod';
import { abilitiesOf } from '../auth/abilities.ts';
import type { Verified } from '../auth/authenticator.ts';
import type { Rights } from '../auth/rights.ts';
import type { Node } from '../node/node.ts';
import type { HttpResponse } from '../node/route.ts';
import { isRefusal, type Refusal } from '../protocol/errors.ts';
import type { AdminRequest, AdminRoute } from './admin-access.ts';
import { readBody } from './json-body.ts';

/** Characters: a token that is longer than the server reads is still told so. */
const MAX_TOKEN = 65_536;

export const TOKEN_CHECK = z.strictObject({ token: z.string().min(1).max(MAX_TOKEN) });

export function tokenCheckRoute(node: Node, rights: Rights): AdminRoute {
  return { method: 'POST', path: '/admin/tokens/check', handle: (request) => check(node, rights, request) };
}

/** Neither logged nor counted as somebody's failure: an operator asks what is wrong with it. */
async function check({ parts }: Node, rights: Rights, { body: text }: AdminRequest): Promise<HttpResponse> {
  const body = readBody(text, TOKEN_CHECK);
  if ('response' in body) return body.response;
  const answer = await new Promise<Verified | Refusal>((resolve) =>
    parts.authenticator.examine(body.value.token, resolve),
  );
  const now = parts.context.clock.now();
  const common = { node: parts.mode.name, now, accepted: !isRefusal(answer) };
  const headers = { 'cache-control': 'no-store' };
  if (isRefusal(answer))
    return { status: 200, headers, body: { ...common, reason: answer.reason, message: answer.message } };
  const { principal, key } = answer;
  const { tenant, user, roles, tokenId, issuedAt, expiresAt } = principal;
  return {
    status: 200,
    headers,
    body: {
      ...common,
      key: `auth.${key}`,
      principal: {
        tenant,
        user,
        roles,
        token_id: tokenId ?? null,
        issued_at: issuedAt,
        expires_at: Number.isFinite(expiresAt) ? expiresAt : null,
      },
      rights: abilitiesOf(rights, principal),
    },
  };
}
