/** Where Redis is: the forms that `redis.url` may have. */

interface Address {
  readonly host: string;
  readonly port: number;
}

interface Login {
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
}

export type RedisAddress = Login &
  (
    | ({ readonly kind: 'standalone'; readonly db: number } & Address)
    | {
        readonly kind: 'sentinel';
        readonly sentinels: readonly Address[];
        readonly master: string;
        readonly db: number;
        readonly sentinelPassword: string | undefined;
      }
    | { readonly kind: 'cluster'; readonly nodes: readonly Address[] }
  );

const FORMS =
  'redis[s]://[user:password@]host[:6379][/db], redis[s]+sentinel://[user:password@]host[:26379],…/master[/db][?sentinel_password=…], or redis[s]+cluster://[user:password@]host[:6379],…';
const URL_FORM = /^redis(s?)(?:\+(sentinel|cluster))?:\/\/(?:([^@/]*)@)?([^/?#]+)(?:\/([^?#]*))?(?:\?([^#]*))?$/;

/** @throws RangeError that names the accepted forms and never shows the URL, which holds a password */
export function parseRedisUrl(url: string): RedisAddress {
  const match = URL_FORM.exec(url);
  if (match === null) throw new RangeError(`expected ${FORMS}`);
  const [, s, kind = 'standalone', userInfo, hosts = '', path = '', query = ''] = match;
  const login = { ...loginOf(userInfo), tls: s === 's' };
  const { sentinelPassword } = settingsOf(query, kind === 'sentinel');
  if (kind === 'cluster') {
    if (path !== '' && path !== '0') throw new RangeError('expected no database after the hosts: a cluster has only 0');
    return { kind, ...login, nodes: addresses(hosts, 6_379) };
  }
  if (kind === 'sentinel') {
    const [master = '', db = '', ...rest] = path.split('/');
    if (rest.length > 0) throw new RangeError(`expected nothing after the database: ${FORMS}`);
    if (master === '') throw new RangeError('expected the name of the master after the hosts: …host:26379/mymaster');
    return { kind, ...login, sentinels: addresses(hosts, 26_379), master, db: database(db), sentinelPassword };
  }
  const [address, ...others] = addresses(hosts, 6_379);
  if (address === undefined || others.length > 0)
    throw new RangeError('expected one host: several need +sentinel or +cluster');
  return { kind: 'standalone', ...login, ...address, db: database(path) };
}

function loginOf(userInfo: string | undefined): Pick<Login, 'username' | 'password'> {
  if (userInfo === undefined) return { username: undefined, password: undefined };
  const [username = '', ...password] = userInfo.split(':');
  return {
    username: username === '' ? undefined : decoded(username),
    password: password.length === 0 ? undefined : decoded(password.join(':')),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new RangeError('expected user and password with every % written as %25, and other signs as %XX');
  }
}

/** What nobody reads is refused: who writes `?db=3` believes that it holds. */
function settingsOf(query: string, isSentinel: boolean): { readonly sentinelPassword: string | undefined } {
  const settings = new URLSearchParams(query);
  const known = isSentinel ? ['sentinel_password'] : [];
  for (const name of settings.keys()) {
    if (!known.includes(name) || settings.getAll(name).length > 1)
      throw new RangeError(`expected no other settings after the question mark, each once: ${FORMS}`);
  }
  return { sentinelPassword: settings.get('sentinel_password') ?? undefined };
}

function addresses(hosts: string, defaultPort: number): Address[] {
  return hosts.split(',').map((entry) => {
    const match = /^(\[[0-9a-f:]+\]|[^:[\]@%\s]+)(?::(\d{1,5}))?$/i.exec(entry);
    const port = Number(match?.[2] ?? defaultPort);
    if (match === null || port < 1 || port > 65_535) throw new RangeError(`expected host[:port],…: ${FORMS}`);
    return { host: (match[1] ?? '').replaceAll(/[[\]]/g, ''), port };
  });
}

function database(text: string): number {
  if (!/^\d{0,4}$/.test(text)) throw new RangeError('expected a database number at the end');
  return Number(text);
}
