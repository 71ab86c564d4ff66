/** What `signalbox token --check` says of a token: by the configuration here, and by the node that runs. */
import { createHash } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { abilitiesOf, type Ability } from '../auth/abilities.ts';
import type { Verified } from '../auth/authenticator.ts';
import type { Config } from '../config/schema.ts';
import { secretBytes } from '../config/secrets.ts';
import { TOKEN_CHECKS } from '../doctor/checks/tokens/all.ts';
import { examine } from '../doctor/examine.ts';
import type { Finding } from '../doctor/finding.ts';
import type { Authentication, Patient } from '../doctor/patient.ts';
import { isAccepted, verdictsOf } from '../doctor/tokens/verdicts.ts';
import { DENIALS, isRefusal } from '../protocol/errors.ts';
import { silentLog } from '../telemetry/log.ts';
import { redactUrls } from '../telemetry/redact.ts';
import { systemClock, systemScheduler } from '../telemetry/system-clock.ts';
import { buildAuthentication } from './authentication.ts';
import type { Arguments, ExitCode } from './command.ts';
import { nodeOf, type AskedNode } from './token-check-node.ts';

const NODE_CHECK = 'tokens.node';

export async function checkToken(jwt: string, config: Config, args: Arguments): Promise<ExitCode> {
  const authentication = buildAuthentication(config, silentLog);
  const { keySet } = authentication;
  if (keySet !== undefined) await new Promise<void>((done) => keySet.refresh(done));
  const node = await nodeOf(args, config);
  const patient = patientWith(jwt, config, authentication, node);
  const { findings, summary } = await examine(TOKEN_CHECKS, patient, systemScheduler);
  const [verdict] = await verdictsOf(patient);
  const lines = verdict === undefined ? [] : partsOf(jwt);
  const here = verdict?.here ?? null;
  if (isAccepted(here)) lines.push(`accepted   signed with auth.${here.key}`, ...abilities(here, authentication));
  else if (here !== null && isRefusal(here)) lines.push(`rejected   ${here.reason}: ${here.message}`);
  else lines.push('rejected   this is not a JWT: expected three base64url parts joined by dots');
  lines.push(...causes(findings.filter(({ check }) => check !== NODE_CHECK)));
  if (verdict !== undefined) lines.push(...ofNode(findings, node), ...keys(config, authentication));
  process.stdout.write(`${lines.join('\n')}\n`);
  return summary.fail === 0 ? 0 : 1;
}

function patientWith(jwt: string, config: Config, authentication: Authentication, node: AskedNode): Patient {
  return {
    clock: systemClock,
    configuration: { config, problems: [], apps: [] },
    authentication,
    views: node.views,
    checkToken: node.checkToken,
    urls: [],
    tokens: [jwt],
    page: null,
    manifests: null,
    idleMs: 0,
  };
}

function partsOf(jwt: string): string[] {
  return [
    `header     ${JSON.stringify(decodeProtectedHeader(jwt))}`,
    `claims     ${JSON.stringify(decodeJwt(jwt))}`,
    ...times(decodeJwt(jwt)),
  ];
}

function causes(findings: readonly Finding[]): string[] {
  return findings.flatMap(({ level, says, cure }) =>
    level === 'ok' ? [] : [`why        ${says}`, ...(cure === null ? [] : [`cure       ${cure}`])],
  );
}

function ofNode(findings: readonly Finding[], { problem }: AskedNode): string[] {
  const found = findings.filter(({ check }) => check === NODE_CHECK);
  if (found.length === 0)
    return [
      `node       ${problem ?? 'not asked'}: what was revoked, and a secret that was changed since the start of the nodes, is not seen here`,
    ];
  return found.flatMap(({ says, cure }) => [`node       ${says}`, ...(cure === null ? [] : [`cure       ${cure}`])]);
}

function keys({ auth }: Config, { keySet }: Authentication): string[] {
  const lines: string[] = [];
  for (const name of ['jwt_secret', 'jwt_previous_secret', 'public_key'] as const) {
    const value = auth[name];
    if (value !== undefined)
      lines.push(
        `secret     auth.${name} has SHA-256 ${createHash('sha256').update(secretBytes(value)).digest('hex')}`,
      );
  }
  if (auth.jwks_url !== undefined)
    lines.push(`key set    ${redactUrls(auth.jwks_url)}: ${keySet?.known.length ?? 0} keys usable`);
  return lines;
}

/** Expiry, and how far the clocks are apart as far as a token can show it. */
function times({ exp, iat, nbf }: { exp?: number; iat?: number; nbf?: number }): string[] {
  const now = systemClock.now() / 1_000;
  const lines: string[] = [];
  if (exp === undefined) lines.push('expiry     none');
  else lines.push(`expiry     ${exp > now ? `in ${Math.round(exp - now)} s` : `${Math.round(now - exp)} s ago`}`);
  const ahead = Math.max((iat ?? 0) - now, (nbf ?? 0) - now);
  lines.push(
    `skew       ${ahead > 0 ? `the issuer's clock is at least ${Math.round(ahead)} s ahead of this one` : 'no sign of clocks that differ'}`,
  );
  if (iat !== undefined && iat <= now) lines.push(`issued     ${Math.round(now - iat)} s ago, by its issuer's clock`);
  return lines;
}

function abilities({ principal }: Verified, { rights }: Authentication): string[] {
  const { topics, others, direct, given } = abilitiesOf(rights, principal);
  const rows = [
    ...topics.map((ability) => `may        ${ability.name}: ${allowances(ability)}`),
    ...(given.length === 0
      ? []
      : [
          `subscribed ${given.map(({ name, subscribe }) => (subscribe === null ? name : `${name} (subscribe: ${subscribe})`)).join(', ')}`,
        ]),
    `may        other topics: ${allowances(others)}; direct messages: ${direct === null ? 'send and read' : `read (send: ${direct})`}`,
  ];
  const legend = Object.entries(DENIALS).filter(([denial]) => rows.some((row) => row.includes(`: ${denial}`)));
  return [
    `user       ${principal.user}${principal.tenant === '' ? '' : ` of tenant ${principal.tenant}`}, roles: ${principal.roles.join(', ') || 'none'}`,
    ...rows,
    ...legend.map(([denial, says]) => `${denial.padEnd(11)}${says}`),
  ];
}

/** What may be done, and in brackets whose no it is for what may not. */
function allowances(ability: Ability): string {
  const answers = (['subscribe', 'publish'] as const).map((action) => ({ action, denial: ability[action] }));
  const allowed = answers.filter(({ denial }) => denial === null).map(({ action }) => action);
  const denied = answers.filter(({ denial }) => denial !== null).map(({ action, denial }) => `${action}: ${denial}`);
  return `${allowed.join(', ') || 'nothing'}${denied.length === 0 ? '' : ` (${denied.join(', ')})`}`;
}
