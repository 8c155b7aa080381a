import type { Row } from '../rows/row.ts';
import { quotedName, type TableName } from './address.ts';
import { COLUMN_LIST, COLUMNS, KEY } from './row/columns.ts';
import type { Session } from './session.ts';

/**
 * Rows are copied into a temporary table of the transaction, and taken over from there. It ends
 * with the transaction, so that pools can give the next one to another connection.
 */
const INCOMING = 'pg_temp.fetchfleet_incoming';

export function createIncoming(table: TableName): string {
  return `CREATE TEMPORARY TABLE fetchfleet_incoming ON COMMIT DROP AS
    SELECT ${COLUMN_LIST} FROM ${quotedName(table)} WITH NO DATA`;
}

export const COPY_INCOMING = `COPY ${INCOMING} (${COLUMN_LIST}) FROM STDIN`;

export const EMPTY_INCOMING = `TRUNCATE ${INCOMING}`;

const CHANGES = COLUMNS.filter(({ name }) => !KEY.includes(name))
  .map(({ name }) => `"${name}" = excluded."${name}"`)
  .join(', ');

/**
 * Takes over what is new or better: a success is better than a failure; with the same outcome, the
 * later start is better. Rows are taken in the order in which they came, and must differ in their
 * key.
 *
 * Returns `inserted` and `updated`.
 */
export function mergeIncoming(table: TableName): string {
  const key = KEY.map((name) => `"${name}"`).join(', ');
  return `
    WITH merged AS (
      INSERT INTO ${quotedName(table)} AS present (${COLUMN_LIST})
      SELECT ${COLUMN_LIST} FROM ${INCOMING}
      ON CONFLICT (${key}) DO UPDATE SET ${CHANGES}
      WHERE (excluded.outcome = 'ok' AND present.outcome <> 'ok')
         OR ((excluded.outcome = 'ok') = (present.outcome = 'ok')
             AND excluded.started_at > present.started_at)
      RETURNING xmax = 0 AS is_new
    )
    SELECT count(*) FILTER (WHERE is_new) AS inserted,
           count(*) FILTER (WHERE NOT is_new) AS updated
    FROM merged`;
}

/** Whether a row is one of the pages of its fetch. */
export function hasPage({ head }: Row): boolean {
  return head['page'] !== undefined;
}

/** A number that is ours, for locks by batch. */
const PAGES_LOCK = 704_602;

/**
 * Of a batch with pages, one transaction writes at a time: {@link deleteStalePages} locks rows in
 * no order, so two that each have some of them would wait for each other.
 */
export async function lockPages(session: Session, rows: readonly Row[]): Promise<void> {
  const paged = rows.filter(hasPage);
  const batches = new Set(paged.map(({ head }) => String(head['batch'])));
  if (batches.size > 0) {
    await session.query(
      `SELECT pg_advisory_xact_lock(${PAGES_LOCK}, number)
       FROM (SELECT DISTINCT hashtext(batch) AS number FROM unnest($1::text[]) AS batch
             ORDER BY number) AS ordered`,
      [[...batches]],
    );
  }
}

/**
 * A fetch that was fetched anew may have had more pages before: those behind its first last page
 * are stale, as in an export to a file. So is one of an earlier chain that comes late.
 */
export function deleteStalePages(table: TableName): string {
  return `
    DELETE FROM ${quotedName(table)} AS stale
    USING (
      SELECT present.batch, present.index, min(present.page) AS page
      FROM ${quotedName(table)} AS present
      JOIN (
        SELECT DISTINCT batch, index FROM ${INCOMING} WHERE page_end IS NOT NULL OR page > 1
      ) AS incoming USING (batch, index)
      WHERE present.page_end IS NOT NULL
      GROUP BY present.batch, present.index
    ) AS last
    WHERE stale.batch = last.batch AND stale.index = last.index AND stale.page > last.page`;
}
