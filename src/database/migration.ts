/** The changes that an application makes to its tables, as files. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';

export interface Migration {
  /** `0001-first`: letters a-z, digits and `-`, the number first. They are applied in the order of their names. */
  readonly name: string;
  /** Statements with `;` between them. Tables without a schema are those of the application. */
  readonly sql: string;
}

/** The migrations of one application, and the schema that is its own. */
export interface MigrationSet {
  readonly app: string;
  readonly migrations: readonly Migration[];
}

const NAME = /^\d{4}-[a-z0-9-]{1,60}$/;
const FILE = /^(.*)\.sql$/;
/** Schemas of the server and of PostgreSQL. */
const TAKEN = /^(?:signalbox|public|pg-.*|information-schema)$/;

/**
 * @param given a folder of files `0001-first.sql`, or the same as a list
 * @throws RangeError that says which of them cannot be
 */
export function readMigrations(app: string, given: URL | readonly Migration[]): MigrationSet {
  if (TAKEN.test(app)) throw new RangeError(`expected an application that is not called ${app}: its schema is taken`);
  const migrations = given instanceof URL ? filesOf(given) : [...given];
  for (const { name } of migrations)
    if (!NAME.test(name))
      throw new RangeError(`expected a migration called like 0001-first, got ${JSON.stringify(name)}`);
  const numbers = migrations.map(({ name }) => name.slice(0, 4));
  const twice = numbers.find((number, at) => numbers.indexOf(number) !== at);
  if (twice !== undefined) throw new RangeError(`expected one migration with the number ${twice}, got two`);
  return { app, migrations: migrations.sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

function filesOf(folder: URL): Migration[] {
  const base = folder.href.endsWith('/') ? folder : new URL(`${folder.href}/`);
  return readdirSync(base).flatMap((file) => {
    const name = FILE.exec(file)?.[1];
    return name === undefined ? [] : [{ name, sql: readFileSync(new URL(file, base), 'utf8') }];
  });
}

/** The schema of an application's tables. */
export function schemaOf(app: string): string {
  return app.replaceAll('-', '_');
}

/** Tells an applied migration from a changed one: the tables elsewhere have the earlier form. */
export function checksumOf({ sql }: Migration): string {
  return createHash('sha256').update(sql.replaceAll('\r\n', '\n')).digest('hex');
}
