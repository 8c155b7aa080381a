import type { Client } from 'pg';
import { quotedName, type TableName } from './address.ts';
import { COLUMNS, KEY } from './columns.ts';
import { DatabaseUnfitError } from './errors.ts';

interface FoundColumn {
  readonly name: string;
  readonly type: string;
  /** A row needs a value for it. */
  readonly is_needed: boolean;
}

/** Creates the table if it is missing. @throws DatabaseUnfitError if records do not fit into it */
export async function ensureTable(client: Client, name: TableName): Promise<void> {
  const found = await findColumns(client, name);
  if (found === undefined) {
    await client.query(createStatement(name));
    return;
  }
  const problems = [...columnProblems(found), ...(await keyProblems(client, name))];
  if (problems.length > 0) {
    throw new DatabaseUnfitError(
      `records do not fit into the table ${quotedName(name)}: ${problems.join('; ')}. ` +
        'Name another table with --table',
    );
  }
}

function createStatement(name: TableName): string {
  const columns = COLUMNS.map(
    ({ name: column, type, isRequired }) => `"${column}" ${type}${isRequired ? ' NOT NULL' : ''}`,
  );
  const key = KEY.map((column) => `"${column}"`).join(', ');
  return `CREATE TABLE ${quotedName(name)} (${columns.join(', ')}, PRIMARY KEY (${key}))`;
}

/** Undefined if there is no table of this name. */
async function findColumns(client: Client, name: TableName): Promise<FoundColumn[] | undefined> {
  const kinds = await client.query<{ relkind: string }>(
    'SELECT relkind FROM pg_class WHERE oid = to_regclass($1)',
    [quotedName(name)],
  );
  const kind = kinds.rows[0]?.relkind;
  if (kind === undefined) {
    return undefined;
  }
  if (kind !== 'r' && kind !== 'p') {
    throw new DatabaseUnfitError(`${quotedName(name)} is no table; name another with --table`);
  }
  const { rows } = await client.query<FoundColumn>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type,
            attnotnull AND NOT atthasdef AND attidentity = '' AS is_needed
     FROM pg_attribute
     WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
    [quotedName(name)],
  );
  return rows;
}

function columnProblems(found: readonly FoundColumn[]): string[] {
  const known = new Map(found.map((column) => [column.name, column]));
  const unfit = COLUMNS.flatMap(({ name, type }) => {
    const column = known.get(name);
    known.delete(name);
    if (column === undefined) {
      return [`it has no column ${name}`];
    }
    return column.type === type ? [] : [`${name} is ${column.type}, not ${type}`];
  });
  const needed = [...known.values()].filter((column) => column.is_needed);
  return [...unfit, ...needed.map(({ name }) => `${name} needs a value, and records have none`)];
}

/** Without a unique index, nothing tells a record that is there already from a new one. */
async function keyProblems(client: Client, name: TableName): Promise<string[]> {
  const { rows } = await client.query<{ columns: string[] }>(
    `SELECT array_agg(attname::text ORDER BY attname) AS columns
     FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey)
     WHERE indrelid = to_regclass($1) AND indisunique AND indisvalid AND indpred IS NULL
       AND indexprs IS NULL
     GROUP BY indexrelid`,
    [quotedName(name)],
  );
  const wanted = KEY.toSorted().join();
  const hasKey = rows.some(({ columns }) => columns.join() === wanted);
  return hasKey ? [] : [`it has no unique index on (${KEY.join(', ')})`];
}
