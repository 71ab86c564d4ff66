/** What `signalbox token --check` says of a token. */
import { createHash } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import type { Principal } from '../auth/principal.ts';
import type { Rights } from '../auth/rights.ts';
import type { Config } from '../config/schema.ts';
import { secretBytes } from '../config/secrets.ts';
import { DENIALS, isRefusal } from '../protocol/errors.ts';
import { silentLog } from '../telemetry/log.ts';
import { redactUrls } from '../telemetry/redact.ts';
import { buildAuthenticator, buildKeySet, buildRights } from './authentication.ts';
import type { ExitCode } from './command.ts';

export async function checkToken(jwt: string, config: Config): Promise<ExitCode> {
  const lines: string[] = [];
  try {
    lines.push(
      `header     ${JSON.stringify(decodeProtectedHeader(jwt))}`,
      `claims     ${JSON.stringify(decodeJwt(jwt))}`,
      ...times(decodeJwt(jwt)),
    );
  } catch {
    process.stdout.write('rejected   this is not a JWT: expected three base64url parts joined by dots\n');
    return 1;
  }
  const keySet = buildKeySet(config, silentLog);
  if (keySet !== undefined) await new Promise<void>((done) => keySet.refresh(done));
  const answer = buildAuthenticator(config, keySet).check(jwt);
  const accepted = !isRefusal(answer);
  if (accepted) lines.push(`accepted   signed with auth.${answer.key}`, ...abilities(answer.principal, config));
  else lines.push(`rejected   ${answer.reason}: ${answer.message}`);
  for (const name of ['jwt_secret', 'jwt_previous_secret', 'public_key'] as const) {
    const value = config.auth[name];
    if (value !== undefined)
      lines.push(
        `secret     auth.${name} has SHA-256 ${createHash('sha256').update(secretBytes(value)).digest('hex')}`,
      );
  }
  if (config.auth.jwks_url !== undefined)
    lines.push(`key set    ${redactUrls(config.auth.jwks_url)}: ${keySet?.known.length ?? 0} keys usable`);
  process.stdout.write(`${lines.join('\n')}\n`);
  return accepted ? 0 : 1;
}

/** Expiry, and how far the clocks are apart as far as a token can show it. */
function times({ exp, iat, nbf }: { exp?: number; iat?: number; nbf?: number }): string[] {
  const now = Date.now() / 1_000;
  const lines: string[] = [];
  if (exp === undefined) lines.push('expiry     none');
  else lines.push(`expiry     ${exp > now ? `in ${Math.round(exp - now)} s` : `${Math.round(now - exp)} s ago`}`);
  const ahead = Math.max((iat ?? 0) - now, (nbf ?? 0) - now);
  lines.push(
    `skew       ${ahead > 0 ? `the issuer's clock is at least ${Math.round(ahead)} s ahead of this one` : 'no sign of clocks that differ'}`,
  );
  return lines;
}

function abilities(principal: Principal, config: Config): string[] {
  const rights = buildRights(config);
  const patterns = [
    ...new Set([
      ...(principal.topics?.subscribe ?? []),
      ...(principal.topics?.publish ?? []),
      ...config.topics.rules.map(({ pattern }) => pattern),
    ]),
  ];
  const direct = rights.directDenial(principal);
  const others = allowances(rights, principal, 'any-other-topic');
  const rows = [
    ...patterns.map((pattern) => `may        ${pattern}: ${allowances(rights, principal, pattern)}`),
    ...given(rights, principal),
    `may        other topics: ${others}; direct messages: ${direct === null ? 'send and read' : `read (send: ${direct})`}`,
  ];
  const legend = Object.entries(DENIALS).filter(([denial]) => rows.some((row) => row.includes(`: ${denial}`)));
  return [
    `user       ${principal.user}${principal.tenant === '' ? '' : ` of tenant ${principal.tenant}`}, roles: ${principal.roles.join(', ') || 'none'}`,
    ...rows,
    ...legend.map(([denial, says]) => `${denial.padEnd(11)}${says}`),
  ];
}

/** What a connection has from the start by the claim `subscribe`, and in brackets whose no it is for what it has not. */
function given(rights: Rights, principal: Principal): string[] {
  const { subscribe = [] } = principal;
  const told = subscribe.map((name) => {
    // Its own messages are everybody's, and presence has rules of its own.
    const denial = name.startsWith('@') ? null : rights.denial(principal, 'subscribe', name);
    return denial === null ? name : `${name} (subscribe: ${denial})`;
  });
  return told.length === 0 ? [] : [`subscribed ${told.join(', ')}`];
}

/** What may be done, and in brackets whose no it is for what may not. */
function allowances(rights: Rights, principal: Principal, name: string): string {
  const answers = (['subscribe', 'publish'] as const).map((action) => ({
    action,
    denial: rights.denial(principal, action, name),
  }));
  const allowed = answers.filter(({ denial }) => denial === null).map(({ action }) => action);
  const denied = answers.filter(({ denial }) => denial !== null).map(({ action, denial }) => `${action}: ${denial}`);
  return `${allowed.join(', ') || 'nothing'}${denied.length === 0 ? '' : ` (${denied.join(', ')})`}`;
}
