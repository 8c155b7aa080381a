import { DatabaseUnfitError } from './errors.ts';

/**
 * Checks the address of a database, which may hold a password: no message shows it as it is.
 *
 * @returns the address as it may be shown: without password and parameters
 * @throws DatabaseUnfitError
 */
export function shownAddress(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || !['postgres:', 'postgresql:'].includes(parsed.protocol)) {
    throw new DatabaseUnfitError('a database is named by postgres://USER@HOST/DATABASE');
  }
  const user = parsed.username === '' ? '' : `${parsed.username}@`;
  return `postgres://${user}${parsed.host}${parsed.pathname}`;
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
