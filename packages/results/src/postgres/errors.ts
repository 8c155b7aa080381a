/** The database cannot be reached, or ended the connection. It may work later. */
export class DatabaseError extends Error {
  override readonly name = 'DatabaseError';
  readonly code = 'DATABASE_UNAVAILABLE';
}

/** The address is wrong, the user lacks a right, or records do not fit into the table. */
export class DatabaseUnfitError extends Error {
  override readonly name = 'DatabaseUnfitError';
  readonly code = 'DATABASE_UNFIT';
}
