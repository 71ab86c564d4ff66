/** Where PostgreSQL is: the form that `database.url` has. */
import { isIP } from 'node:net';

/** As libpq has them, with two meanings fewer: whether it is encrypted, and whether the server's name is checked. */
const MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;

export interface PostgresqlAddress {
  /** A name, an address, or the folder of a socket. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly database: string;
  readonly sslMode: (typeof MODES)[number];
  /** A file of certificates, PEM. */
  readonly rootCertificate: string | undefined;
}

const FORM =
  'postgresql://user[:password]@host[:5432]/database[?sslmode=disable|require|verify-ca|verify-full][&sslrootcert=FILE], or …@/database?host=/folder/of/the/socket';
const URL_FORM = /^postgres(?:ql)?:\/\/([^@/]*)@([^/?#]*)\/([^/?#]+)(?:\?([^#]*))?$/;
const HOST = /^(\[[0-9a-f:.]+\]|[^:[\]@%\s,]+)(?::(\d{1,5}))?$/i;
const SETTINGS: ReadonlySet<string> = new Set(['sslmode', 'sslrootcert', 'host']);

/** @throws RangeError that names the accepted form and never shows the URL, which holds a password */
export function parsePostgresqlUrl(url: string): PostgresqlAddress {
  const [, login = '', place = '', database = '', query = ''] = URL_FORM.exec(url) ?? fail(FORM);
  const settings = settingsOf(query);
  const [user = '', ...password] = login.split(':');
  if (user === '') fail('a user before the host: postgresql://user@host/database');
  const mode =
    MODES.find((name) => name === (settings.get('sslmode') ?? 'disable')) ??
    fail(`sslmode to be one of ${MODES.join(', ')}`);
  const rootCertificate = settings.get('sslrootcert');
  if (rootCertificate !== null && !mode.startsWith('verify'))
    fail('sslmode=verify-full beside sslrootcert: else nobody looks at it');
  return {
    ...hostOf(place, settings.get('host')),
    user: decoded(user),
    password: password.length === 0 ? undefined : decoded(password.join(':')),
    database: decoded(database),
    sslMode: mode,
    rootCertificate: rootCertificate ?? undefined,
  };
}

function hostOf(place: string, socket: string | null): Pick<PostgresqlAddress, 'host' | 'port'> {
  if (socket !== null) {
    if (place !== '' || !socket.startsWith('/'))
      fail('either a host before the slash or ?host= with the folder of a socket');
    return { host: socket, port: 5_432 };
  }
  const [, host = '', digits] = HOST.exec(place) ?? fail(`one host: ${FORM}`);
  const port = Number(digits ?? 5_432);
  if (port < 1 || port > 65_535) fail('a port from 1 to 65535');
  const bare = host.replaceAll(/[[\]]/g, '');
  if (host !== bare && isIP(bare) !== 6) fail('an IPv6 address in the brackets');
  return { host: bare, port };
}

/** What nobody reads is refused: who writes `?ssl=true` believes that it holds. */
function settingsOf(query: string): URLSearchParams {
  const settings = new URLSearchParams(query);
  for (const name of settings.keys())
    if (!SETTINGS.has(name) || settings.getAll(name).length > 1)
      fail(`no other settings after the question mark, each once: ${FORM}`);
  return settings;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return fail('user, password and database with every % written as %25, and other signs as %XX');
  }
}

function fail(expected: string): never {
  throw new RangeError(`expected ${expected}`);
}
