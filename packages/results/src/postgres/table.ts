import { quotedName, type TableName } from './address.ts';
import { type Column, COLUMNS, KEY, RECORD } from './row/columns.ts';
import { DatabaseUnfitError } from './errors.ts';
import type { Session } from './session.ts';

interface FoundColumn {
  readonly name: string;
  readonly type: string;
  /** A row needs a value for it. */
  readonly is_needed: boolean;
}

interface FoundTable {
  readonly relkind: string;
  /** `p` for one that survives a crash of the server. */
  readonly relpersistence: string;
}

export interface TableUse {
  /** What to do if records do not fit; the end of a sentence. */
  readonly remedy: string;
  /** Whether records must survive a crash of the server. */
  readonly isDurable: boolean;
}

/** A number that is ours: whoever creates tables waits for the others. */
const CREATION_LOCK = 7_046_029_254;

/**
 * Creates the table if it is missing, in the transaction of the caller.
 *
 * @throws DatabaseUnfitError if records do not fit into it
 */
export async function ensureTable(
  session: Session,
  name: TableName,
  { remedy, isDurable }: TableUse,
): Promise<void> {
  await refuseEncoding(session);
  const found = (await findTable(session, name)) ?? (await createTable(session, name));
  if (found === undefined) {
    return;
  }
  if (found.relkind !== 'r' && found.relkind !== 'p') {
    throw new DatabaseUnfitError(`${quotedName(name)} is no table; ${remedy}`);
  }
  if (isDurable && found.relpersistence !== 'p') {
    throw new DatabaseUnfitError(
      `the table ${quotedName(name)} is unlogged or temporary, so a crash of the server empties it`,
    );
  }
  const columns = await findColumns(session, name);
  const problems = [...columnProblems(columns), ...(await keyProblems(session, name))];
  if (problems.length > 0) {
    throw new DatabaseUnfitError(
      `records do not fit into the table ${quotedName(name)}: ${problems.join('; ')}. ` +
        `${remedy.charAt(0).toUpperCase()}${remedy.slice(1)}`,
    );
  }
  if (!columns.some((column) => column.name === RECORD.name)) {
    await addRecord(session, name);
  }
}

/** Until the end of the transaction, nobody else creates anything. */
export async function lockCreation(session: Session): Promise<void> {
  await session.query(`SELECT pg_advisory_xact_lock(${CREATION_LOCK})`);
}

async function refuseEncoding(session: Session): Promise<void> {
  const [found] = await session.query<{ encoding: string }>(
    "SELECT current_setting('server_encoding') AS encoding",
  );
  if (found?.encoding !== 'UTF8') {
    throw new DatabaseUnfitError(
      `the database has the encoding ${found?.encoding ?? 'unknown'}, and records need UTF8`,
    );
  }
}

async function findTable(session: Session, name: TableName): Promise<FoundTable | undefined> {
  const [found] = await session.query<FoundTable>(
    'SELECT relkind, relpersistence FROM pg_class WHERE oid = to_regclass($1)',
    [quotedName(name)],
  );
  return found;
}

/** @returns the table that somebody else has created meanwhile */
async function createTable(session: Session, name: TableName): Promise<FoundTable | undefined> {
  await lockCreation(session);
  const found = await findTable(session, name);
  if (found === undefined) {
    const columns = COLUMNS.map((column) => definitionOf(column));
    const key = KEY.map((column) => `"${column}"`).join(', ');
    await session.query(
      `CREATE TABLE ${quotedName(name)} (${columns.join(', ')}, PRIMARY KEY (${key}))`,
    );
  }
  return found;
}

function definitionOf({ name, type, isRequired }: Column): string {
  return `"${name}" ${type}${isRequired ? ' NOT NULL' : ''}`;
}

/** A table that was made before there was this column. */
async function addRecord(session: Session, name: TableName): Promise<void> {
  await lockCreation(session);
  await session.query(
    `ALTER TABLE ${quotedName(name)} ADD COLUMN IF NOT EXISTS ${definitionOf(RECORD)}`,
  );
}

async function findColumns(session: Session, name: TableName): Promise<readonly FoundColumn[]> {
  return session.query<FoundColumn>(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type,
            attnotnull AND NOT atthasdef AND attidentity = '' AS is_needed
     FROM pg_attribute
     WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`,
    [quotedName(name)],
  );
}

function columnProblems(found: readonly FoundColumn[]): string[] {
  const known = new Map(found.map((column) => [column.name, column]));
  const unfit = COLUMNS.flatMap(({ name, type }) => {
    const column = known.get(name);
    known.delete(name);
    if (column === undefined) {
      return name === RECORD.name ? [] : [`it has no column ${name}`];
    }
    return column.type === type ? [] : [`${name} is ${column.type}, not ${type}`];
  });
  const needed = [...known.values()].filter((column) => column.is_needed);
  return [...unfit, ...needed.map(({ name }) => `${name} needs a value, and records have none`)];
}

/** Without a unique index, nothing tells a record that is there already from a new one. */
async function keyProblems(session: Session, name: TableName): Promise<string[]> {
  const rows = await session.query<{ columns: string[] }>(
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
