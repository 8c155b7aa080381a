import { DatabaseUnfitError } from './errors.ts';

/** An address of a database. */
export interface Address {
  /** With the password, if it is known. Never shown. */
  readonly url: string;
  /** As it may be shown and stored: without password and parameters. */
  readonly shown: string;
}

/** What an address may have behind its `?`. A misspelled `sslmode` would switch TLS off. */
const PARAMETERS: ReadonlySet<string> = new Set([
  'host',
  'port',
  'user',
  'password',
  'options',
  'application_name',
  'sslmode',
  'sslcert',
  'sslkey',
  'sslrootcert',
  'sslnegotiation',
  'uselibpqcompat',
]);

/**
 * Checks the address of a database, which may hold a password: no message shows it as it is. What
 * it lacks is taken from the variables that `psql` reads.
 *
 * @throws DatabaseUnfitError
 */
export function readAddress(
  text: string,
  env: Readonly<Record<string, string | undefined>>,
): Address {
  const url = URL.parse(text);
  if (url === null || !['postgres:', 'postgresql:'].includes(url.protocol)) {
    throw new DatabaseUnfitError('a database is named by postgres://USER@HOST/DATABASE');
  }
  const parameters = url.searchParams;
  refuseUnknown(parameters);
  const part = (name: string, own: string, variable: string | undefined): string => {
    const value = parameters.get(name) || own || variable || '';
    if (value !== '') {
      parameters.set(name, value);
    }
    return value;
  };
  const user = part('user', decoded(url.username), env['PGUSER']);
  const host = part('host', decoded(url.hostname), env['PGHOST']) || 'localhost';
  const port = part('port', url.port, env['PGPORT']);
  part('password', decoded(url.password), env['PGPASSWORD']);
  if (url.pathname.length <= 1) {
    url.pathname = `/${encodeURIComponent(env['PGDATABASE'] ?? '')}`;
  }
  const place =
    (user === '' ? '' : `${encodeURIComponent(user)}@`) +
    // A host may be the folder of a socket.
    (host.startsWith('/') ? encodeURIComponent(host) : host) +
    (port === '' ? '' : `:${port}`);
  return { url: url.href, shown: `postgres://${place}${url.pathname}` };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw new DatabaseUnfitError(
      'the address of the database has a "%" that begins no code: a password with "%" has "%25" there',
    );
  }
}

function refuseUnknown(parameters: URLSearchParams): void {
  const unknown = [...parameters.keys()].find((name) => !PARAMETERS.has(name));
  if (unknown === 'table') {
    throw new DatabaseUnfitError(
      'the table of records is always "fetches"; "?options=-c search_path=NAME" in the address ' +
        'of the database names its schema',
    );
  }
  if (unknown !== undefined) {
    throw new DatabaseUnfitError(
      `the address of the database has an unknown parameter ${JSON.stringify(unknown.slice(0, 80))}`,
    );
  }
}

/** A table, in a schema or in that of the user. */
export interface TableName {
  readonly schema: string | undefined;
  readonly table: string;
}

/** PostgreSQL cuts longer names. */
const NAME = /^[A-Za-z_][A-Za-z0-9_$]{0,62}$/;

/** @param name `fetches` or `schema.fetches`. @throws DatabaseUnfitError */
export function parseTableName(name: string): TableName {
  const parts = name.split('.');
  if (parts.length > 2 || !parts.every((part) => NAME.test(part))) {
    throw new DatabaseUnfitError(
      `${JSON.stringify(name.slice(0, 80))} is no name of a table: up to 63 letters, digits and ` +
        '"_", with its schema and "." before it or not',
    );
  }
  const [table = '', schema] = parts.toReversed();
  return { schema, table };
}

/** The name as SQL takes it, upper case and all. */
export function quotedName({ schema, table }: TableName): string {
  return schema === undefined ? `"${table}"` : `"${schema}"."${table}"`;
}
