import type { StoredBatch } from '../folder/stored-batches.ts';
import { COLUMNS } from './row/columns.ts';
import { hasTable } from './place.ts';
import type { Session } from './session.ts';

/** Rows that are removed by one statement, so that none runs long or holds many locks. */
const REMOVED_AT_ONCE = 10_000;

/** Ids of the batches with a manifest. */
export async function storedBatchIds(session: Session): Promise<string[]> {
  if (!(await hasTable(session, 'fetchfleet_batches'))) {
    return [];
  }
  const rows = await session.query<{ batch: string }>(
    'SELECT batch FROM fetchfleet_batches ORDER BY batch',
  );
  return rows.map(({ batch }) => batch);
}

/** Values as they are stored: large ones are compressed. */
const BYTES = COLUMNS.map(({ name }) => `coalesce(pg_column_size("${name}"), 0)`).join(' + ');

/** The size of the rows of a batch; undefined if there is neither a row nor a manifest. */
export async function measureRows(
  session: Session,
  batch: string,
): Promise<StoredBatch | undefined> {
  const created = await createdAtMs(session, batch);
  if (!(await hasTable(session, 'fetches'))) {
    return created === undefined ? undefined : { batch, bytes: 0, changedAt: created };
  }
  const [rows] = await session.query<{ bytes: string | null; changed: number | null }>(
    `SELECT sum(${BYTES}) AS bytes,
            floor(extract(epoch FROM max(started_at)) * 1000)::float AS changed
     FROM fetches WHERE batch = $1`,
    [batch],
  );
  const changed = rows?.changed ?? undefined;
  const changedAt = Math.max(changed ?? 0, created ?? 0);
  return created === undefined && changed === undefined
    ? undefined
    : { batch, bytes: Number(rows?.bytes ?? 0), changedAt };
}

async function createdAtMs(session: Session, batch: string): Promise<number | undefined> {
  if (!(await hasTable(session, 'fetchfleet_batches'))) {
    return undefined;
  }
  const [row] = await session.query<{ created: Date }>(
    'SELECT created_at AS created FROM fetchfleet_batches WHERE batch = $1',
    [batch],
  );
  return row?.created.getTime();
}

const NOT_OURS = 'it holds something that no worker has written';

/**
 * Removes the rows of a batch, then its manifest. Rows of a batch without a manifest are kept, and
 * so are rows with an index that no fetch can have.
 *
 * @param beat called whenever the server has removed some: all together may take hours
 * @returns why something was kept; undefined if nothing is left
 */
export async function removeRows(
  session: Session,
  batch: string,
  beat: () => void,
): Promise<string | undefined> {
  const isKnown = (await createdAtMs(session, batch)) !== undefined;
  if (!(await hasTable(session, 'fetches'))) {
    await removeManifest(session, batch, isKnown);
    return undefined;
  }
  let from: string | undefined = isKnown ? '0' : undefined;
  while (from !== undefined) {
    from = await removeSome(session, batch, from);
    beat();
  }
  const left = await session.query('SELECT FROM fetches WHERE batch = $1 LIMIT 1', [batch]);
  if (left.length > 0) {
    return NOT_OURS;
  }
  await removeManifest(session, batch, isKnown);
  return undefined;
}

/** @returns the index to go on with: the way there is full of rows that are only just gone */
async function removeSome(
  session: Session,
  batch: string,
  from: string,
): Promise<string | undefined> {
  const [gone] = await session.query<{ last: string | null }>(
    `WITH gone AS (
       DELETE FROM fetches WHERE batch = $1 AND (index, page) IN (
         SELECT index, page FROM fetches WHERE batch = $1 AND index >= $2
         ORDER BY index, page LIMIT ${REMOVED_AT_ONCE})
       RETURNING index
     )
     SELECT max(index) AS last FROM gone`,
    [batch, from],
  );
  return gone?.last ?? undefined;
}

async function removeManifest(session: Session, batch: string, isKnown: boolean): Promise<void> {
  if (isKnown) {
    await session.query('DELETE FROM fetchfleet_batches WHERE batch = $1', [batch]);
  }
}
