/** `signalbox token`: makes tokens for trying things out, and says what is wrong with one. */
import { isRefusal } from '../protocol/errors.ts';
import { createHash } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader, SignJWT } from 'jose';
import type { Config } from '../config/schema.ts';
import { secretBytes } from '../config/secrets.ts';
import type { Principal } from '../auth/principal.ts';
import type { Rights } from '../auth/rights.ts';
import { DENIALS } from '../protocol/errors.ts';
import { UsageError, type Arguments, type Command, type ExitCode } from './command.ts';
import { CONFIG_OPTIONS, isOnlySecretMissing, loadFromArguments } from './config-options.ts';
import { developmentSecret, hasDevelopmentSecret } from './development-secret.ts';
import { buildAuthenticator, buildKeySet, buildRights } from './authentication.ts';
import { silentLog } from '../telemetry/log.ts';
import { redactUrls } from '../telemetry/redact.ts';

export const token: Command = {
  name: 'token',
  summary: 'Makes a token, or checks one.',
  usage: "--user NAME [--roles user] [--topics 'chat.**'] [--ttl 1h] | --check JWT",
  positionals: 0,
  options: {
    user: { type: 'string', value: 'NAME', help: 'the user (claim sub)' },
    roles: { type: 'string', value: 'A,B', help: 'roles, comma-separated (default: user)' },
    topics: {
      type: 'string',
      value: 'A,B',
      help: 'topics or patterns that may be subscribed and published (default: what the roles allow)',
    },
    tenant: { type: 'string', value: 'NAME', help: 'the tenant (default: none)' },
    ttl: { type: 'string', value: 'TIME', help: 'how long it is valid: 30s, 15m, 1h, 7d (default: 1h)' },
    check: {
      type: 'string',
      value: 'JWT',
      help: 'say what this token holds, whether it is accepted, and what it may do',
    },
    ...CONFIG_OPTIONS,
  },
  async run(args): Promise<ExitCode> {
    const config = loadForToken(args);
    const jwt = args.text('check');
    return jwt === undefined ? make(args, config) : check(jwt, config);
  },
};

/** Without a configured secret, that of the development server on this machine: it is what `make start` runs. */
function loadForToken(args: Arguments): Config {
  try {
    return loadFromArguments(args).config;
  } catch (error) {
    if (!isOnlySecretMissing(error)) throw error;
    if (!hasDevelopmentSecret())
      throw new UsageError(
        'expected JWT_SECRET, --profile, or a development server that ran here before (serve --profile development)',
      );
    process.stderr.write('no secret is configured: using that of the development server\n');
    const text = (name: string): string | undefined => (name === 'profile' ? 'development' : args.text(name));
    const { config } = loadFromArguments({ ...args, text });
    return { ...config, auth: { ...config.auth, jwt_secret: developmentSecret() } };
  }
}

async function make(args: Arguments, config: Config): Promise<ExitCode> {
  const user = args.text('user');
  if (config.auth.jwt_secret === undefined)
    throw new UsageError('expected auth.jwt_secret (JWT_SECRET): a public key cannot sign tokens');
  if (user === undefined || user === '') throw new UsageError('expected --user NAME (or --check JWT)');
  const ttl = args.text('ttl') ?? '1h';
  if (!/^\d+[smhd]$/.test(ttl))
    throw new UsageError(`expected --ttl like 30s, 15m, 1h or 7d, got ${JSON.stringify(ttl)}`);
  const topics = args.text('topics')?.split(',');
  const tenant = args.text('tenant');
  const jwt = new SignJWT({
    roles: (args.text('roles') ?? 'user').split(','),
    ...(tenant && { tenant }),
    ...(topics && { topics: { subscribe: topics, publish: topics } }),
  })
    .setProtectedHeader({ alg: config.auth.algorithms.find((name) => name.startsWith('HS')) ?? 'HS256' })
    .setSubject(user)
    .setIssuedAt()
    .setExpirationTime(ttl);
  if (config.auth.issuer !== undefined) jwt.setIssuer(config.auth.issuer);
  if (config.auth.audience !== undefined) jwt.setAudience(config.auth.audience);
  process.stdout.write(`${await jwt.sign(secretBytes(config.auth.jwt_secret))}\n`);
  return 0;
}

async function check(jwt: string, config: Config): Promise<ExitCode> {
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
    `may        other topics: ${others}; direct messages: ${direct === null ? 'send and read' : `read (send: ${direct})`}`,
  ];
  const legend = Object.entries(DENIALS).filter(([denial]) => rows.some((row) => row.includes(`: ${denial}`)));
  return [
    `user       ${principal.user}${principal.tenant === '' ? '' : ` of tenant ${principal.tenant}`}, roles: ${principal.roles.join(', ') || 'none'}`,
    ...rows,
    ...legend.map(([denial, says]) => `${denial.padEnd(11)}${says}`),
  ];
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
