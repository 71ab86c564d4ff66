/** `signalbox token`: makes tokens for trying things out, and says what is wrong with one. */
import { SignJWT } from 'jose';
import type { Config } from '../config/schema.ts';
import { secretBytes } from '../config/secrets.ts';
import { UsageError, type Arguments, type Command, type ExitCode } from './command.ts';
import { CONFIG_OPTIONS } from './config-flags.ts';
import { isOnlySecretMissing, loadFromArguments } from './config-options.ts';
import { developmentSecret, hasDevelopmentSecret } from './development-secret.ts';

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
    url: {
      type: 'string',
      value: 'URL',
      help: 'with --check: the node that is asked (default: ADMIN_URL, else the one of this machine, when it runs)',
    },
    'admin-token': { type: 'string', value: 'TOKEN', help: 'with --check: for that node (default: ADMIN_TOKEN)' },
    ...CONFIG_OPTIONS,
  },
  async run(args): Promise<ExitCode> {
    const config = loadForToken(args);
    const jwt = args.text('check');
    if (jwt === undefined) return make(args, config);
    return (await import('./token-check.ts')).checkToken(jwt, config, args);
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
