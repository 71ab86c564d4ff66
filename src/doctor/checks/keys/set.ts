/** The published key set: whether it can be had, what is in it, and how long it may be kept. */
import { publicKeyFromJwk } from '../../../auth/verification-key.ts';
import type { Config } from '../../../config/schema.ts';
import { quote } from '../../../protocol/errors.ts';
import { redactUrls } from '../../../telemetry/redact.ts';
import type { Check } from '../../check.ts';
import { fail, ok, warn, type Observation } from '../../finding.ts';
import { givenTokens } from '../../tokens/given-token.ts';

const FETCH_MS = 3_000;
const MAX_BYTES = 1_048_576;

export const keysSet: Check = {
  name: 'keys.set',
  looksAt:
    'The key set of `auth.jwks_url`: reachable, TLS, JSON, usable keys and their algorithms, the `kid` of each `--token`, how old it may get.',
  needs: ['configuration'],
  run: async ({ configuration, tokens }) => {
    const auth = configuration?.config?.auth;
    const url = auth?.jwks_url;
    if (auth === undefined || url === undefined) return [];
    const shown = redactUrls(url);
    try {
      // Like a node: the address in the configuration is the one that is trusted, wherever it would send us.
      const response = await fetch(url, {
        redirect: 'manual',
        headers: { accept: 'application/json' },
        signal: AbortSignal.timeout(FETCH_MS),
      });
      return await read(response, shown, auth, tokens);
    } catch (error) {
      return [
        fail(`the key set ${shown} cannot be had: ${causeOf(error)}`, `curl -sv ${shown}, from where the nodes run`),
      ];
    }
  },
};

function causeOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return `no answer within ${FETCH_MS / 1_000} s`;
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as NodeJS.ErrnoException;
  return `${cause.message || code || String(cause)}${code === undefined || cause.message.includes(code) ? '' : ` (${code})`}`;
}

async function read(
  response: Response,
  shown: string,
  auth: Config['auth'],
  tokens: readonly string[],
): Promise<readonly Observation[]> {
  const location = response.headers.get('location');
  if (response.status >= 300 && response.status < 400)
    return [
      fail(
        `the key set ${shown} answers ${response.status} and sends to ${quote(location)}: nodes follow no redirect`,
        `auth.jwks_url = ${JSON.stringify(redactUrls(location ?? ''))}`,
      ),
    ];
  if (response.status !== 200)
    return [
      fail(
        `the key set ${shown} answers ${response.status}`,
        'look up jwks_uri in /.well-known/openid-configuration of the provider',
      ),
    ];
  const text = await response.text();
  if (text.length > MAX_BYTES)
    return [
      fail(
        `the key set ${shown} has more than 1 MiB, and nodes read no more`,
        'publish those keys alone that tokens are signed with',
      ),
    ];
  const keys = keysIn(text);
  if (keys === null) {
    const isPointer = text.includes('jwks_uri');
    return [
      fail(
        isPointer
          ? `${shown} is the description of the provider, and no key set`
          : `${shown} is no key set: expected {"keys": […]}, got ${quote(text)}`,
        isPointer
          ? `auth.jwks_url = ${/"jwks_uri"\s*:\s*("[^"]*")/.exec(text)?.[1] ?? 'its jwks_uri'}`
          : 'look up jwks_uri in /.well-known/openid-configuration of the provider',
      ),
    ];
  }
  return [...judged(keys, shown, auth, tokens), ...kept(response.headers, auth)];
}

type Jwk = Readonly<Record<string, unknown>>;

function keysIn(text: string): readonly Jwk[] | null {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    return Array.isArray(keys) ? keys.filter((key): key is Jwk => typeof key === 'object' && key !== null) : null;
  } catch {
    return null;
  }
}

function judged(
  keys: readonly Jwk[],
  shown: string,
  auth: Config['auth'],
  tokens: readonly string[],
): readonly Observation[] {
  const usable = keys.flatMap((jwk) => {
    try {
      const { kid, algorithms } = publicKeyFromJwk('jwks_url', jwk);
      return [{ kid, algorithms }];
    } catch {
      return [];
    }
  });
  if (usable.length === 0)
    return [
      fail(
        `the key set ${shown} has ${keys.length} keys, of which none can verify tokens (RSA of 2048 bits, P-256, P-384, P-521, Ed25519, use sig)`,
        'publish the public key that tokens are signed with',
      ),
    ];
  const allowed = usable.filter(({ algorithms }) =>
    algorithms.some((name) => (auth.algorithms as readonly string[]).includes(name)),
  );
  const known = [...new Set(usable.flatMap(({ algorithms }) => algorithms))].join(', ');
  if (allowed.length === 0)
    return [
      fail(
        `the keys of ${shown} are for ${known}, and auth.algorithms allows ${auth.algorithms.join(', ')}`,
        `auth.algorithms = ${JSON.stringify([...auth.algorithms, usable[0]?.algorithms[0]])}`,
      ),
    ];
  const ids = usable.map(({ kid }) => kid);
  const strangers = givenTokens({ tokens }).filter(({ parts }) => {
    const kid = parts?.head['kid'];
    return typeof kid === 'string' && !ids.includes(kid);
  });
  const good = ok(`the key set ${shown} has ${usable.length} usable keys of ${keys.length}, for ${known}`);
  return [
    good,
    ...strangers.map(({ label, parts }) =>
      fail(
        `${label} names the key ${quote(parts?.head['kid'])}, and the set has ${ids.map((kid) => quote(kid ?? 'one without kid')).join(', ')}`,
        'publish the key there, or point auth.jwks_url to the provider of the token',
      ),
    ),
  ];
}

/** Nodes keep it for as long as the configuration says, whatever its headers do; an old copy of a cache in between is another thing. */
function kept(headers: Headers, auth: Config['auth']): readonly Observation[] {
  const [, secs] = /max-age=(\d+)/.exec(headers.get('cache-control') ?? '') ?? [];
  const age = Number(headers.get('age') ?? 0);
  if (secs !== undefined && Number(secs) < auth.jwks_max_age_secs)
    return [
      warn(
        `the key set may be kept for ${secs} s (cache-control), and nodes keep it for ${auth.jwks_max_age_secs} s: a key that is withdrawn is accepted so long`,
        `auth.jwks_max_age_secs = ${Math.max(1, Number(secs))}`,
      ),
    ];
  if (age > auth.jwks_max_age_secs)
    return [
      warn(
        `the key set comes from a cache where it is ${age} s old`,
        'let the cache in front of the provider keep it no longer than auth.jwks_max_age_secs',
      ),
    ];
  return [];
}
