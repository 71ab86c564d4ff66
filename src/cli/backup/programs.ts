/** The programs of PostgreSQL, as processes: their environment holds where the server is, so that no password is an argument. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { PostgresqlAddress } from '../../config/postgresql-url.ts';

type Program = 'pg_dump' | 'pg_restore' | 'psql';

export interface Running {
  readonly child: ChildProcess;
  /** @throws Error with the last error that it has said */
  readonly ended: Promise<void>;
}

/** Of what it says, the end: a restore may complain a thousand times. */
const MAX_SAID = 2_000;

/** What they are given of the environment of this process, and where the server is. */
export function environmentOf(address: PostgresqlAddress): Readonly<Record<string, string>> {
  const { host, port, user, password, database, sslMode, rootCertificate } = address;
  const isVerified = sslMode.startsWith('verify');
  return {
    ...plain(),
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: database,
    PGSSLMODE: sslMode,
    PGCONNECT_TIMEOUT: '10',
    PGAPPNAME: 'signalbox-database',
    ...(password !== undefined && { PGPASSWORD: password }),
    // Without a file libpq looks for one in the home directory, and a server trusts the authorities of its system.
    ...(isVerified && { PGSSLROOTCERT: rootCertificate ?? 'system' }),
  };
}

export function plain(): Readonly<Record<string, string>> {
  const { PATH = '', HOME = '/', TMPDIR } = process.env;
  return { PATH, HOME, LC_ALL: 'C.UTF-8', ...(TMPDIR !== undefined && { TMPDIR }) };
}

/** @param stdio of its input and its output; its errors are collected */
export function start(
  program: Program,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  [input, output]: readonly ['ignore' | 'pipe', 'ignore' | 'pipe'] = ['ignore', 'ignore'],
): Running {
  const child = spawn(program, [...args], { env, stdio: [input, output, 'pipe'] });
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-MAX_SAID)));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(problemOf(program, error)));
    child.once('close', (code, signal) => {
      if (code === 0) return resolve();
      const lines = said.trim().split('\n');
      // Behind the error there may be where it was.
      const why = lines.findLast((line) => /\b(?:ERROR|FATAL|error):/.test(line)) ?? lines.at(-1);
      reject(new Error(`${program} ended with ${code ?? signal ?? 'nothing'}: ${why || 'it says no more'}`));
    });
  });
  // Looked at in its turn: until then it is no rejection that nobody handles.
  ended.catch(() => {});
  return { child, ended };
}

export function run(program: Program, args: readonly string[], env: Readonly<Record<string, string>>): Promise<void> {
  return start(program, args, env).ended;
}

function problemOf(program: Program, error: NodeJS.ErrnoException): Error {
  if (error.code !== 'ENOENT') return error;
  return new Error(
    `expected the program ${program} on PATH: install the client programs of PostgreSQL, of the version of the server or later`,
  );
}
