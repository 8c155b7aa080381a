import { randomUUID } from 'node:crypto';
import { type Manifest, parseManifest } from '../folder/manifest.ts';
import { parseTableName, quotedName } from './address.ts';
import type { Session } from './session.ts';
import { ensureTable, lockCreation } from './table.ts';

/**
 * The tables of a place, in the first schema of the search path:
 *
 *     fetches              the records, as `export --to` writes them
 *     fetchfleet_batches   the manifest of each batch that a worker has written records of
 *     fetchfleet_place     one row: the id of this place
 */
export const FETCHES = parseTableName('fetches');

const TABLES = `
  CREATE TABLE IF NOT EXISTS fetchfleet_batches (
    batch text PRIMARY KEY,
    name text NOT NULL,
    total bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    manifest json NOT NULL
  );
  CREATE TABLE IF NOT EXISTS fetchfleet_place (id uuid NOT NULL)`;

/**
 * Creates what is missing, in the transaction of the caller.
 *
 * @returns the id of the place
 * @throws DatabaseUnfitError
 */
export async function ensurePlace(session: Session): Promise<string> {
  await ensureTable(session, FETCHES, {
    remedy: 'name another database, or a schema with "?options=-c search_path=NAME"',
    isDurable: true,
  });
  return (await findPlace(session)) ?? (await createPlace(session));
}

/**
 * Whether a place can be created, written to and removed from: in a transaction that is rolled
 * back.
 *
 * @returns the id of the place; undefined if there is none yet
 * @throws DatabaseUnfitError, and what the database refuses
 */
export async function examinePlace(session: Session): Promise<string | undefined> {
  const id = await findPlace(session);
  await session.script('BEGIN');
  await ensurePlace(session);
  await session.script(`
    INSERT INTO fetchfleet_batches (batch, name, total, created_at, manifest)
    VALUES ('.probe', '', 0, now(), '{}');
    DELETE FROM fetchfleet_batches WHERE batch = '.probe';
    DELETE FROM ${quotedName(FETCHES)} WHERE batch = '.probe';
    ROLLBACK`);
  return id;
}

export async function findPlace(session: Session): Promise<string | undefined> {
  const names = ['fetchfleet_batches', 'fetchfleet_place'];
  for (const name of names) {
    if (!(await hasTable(session, name))) {
      return undefined;
    }
  }
  const [place] = await session.query<{ id: string }>('SELECT id FROM fetchfleet_place');
  return place?.id;
}

/** If not, no worker has written anything yet. */
export async function hasTable(session: Session, name: string): Promise<boolean> {
  const [found] = await session.query<{ has: boolean }>(
    'SELECT to_regclass($1) IS NOT NULL AS has',
    [name],
  );
  return found?.has === true;
}

async function createPlace(session: Session): Promise<string> {
  await lockCreation(session);
  const present = await findPlace(session);
  if (present !== undefined) {
    return present;
  }
  const id = randomUUID();
  await session.script(TABLES);
  await session.query('INSERT INTO fetchfleet_place (id) VALUES ($1)', [id]);
  return id;
}

/** A manifest with a total replaces one without; a total that is known is never lost. */
export async function writeManifest(session: Session, manifest: Manifest): Promise<void> {
  const { batch, name, total, createdAt } = manifest;
  await session.query(
    `INSERT INTO fetchfleet_batches AS present (batch, name, total, created_at, manifest)
     VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (batch) DO UPDATE SET total = excluded.total, manifest = excluded.manifest
     WHERE present.total = 0 AND excluded.total > 0`,
    [batch, name, total, createdAt, JSON.stringify(manifest)],
  );
}

export async function findManifest(session: Session, batch: string): Promise<Manifest | undefined> {
  if (!(await hasTable(session, 'fetchfleet_batches'))) {
    return undefined;
  }
  const [row] = await session.query<{ manifest: string }>(
    'SELECT manifest::text AS manifest FROM fetchfleet_batches WHERE batch = $1',
    [batch],
  );
  return row && parseManifest(row.manifest, batch);
}
