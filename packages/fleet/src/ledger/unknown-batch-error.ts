/** No batch of that id is in the ledger: it never existed, or was removed. */
export class UnknownBatchError extends Error {
  override readonly name = 'UnknownBatchError';
  readonly code = 'BATCH_UNKNOWN';

  /** @param similar ids that the user may have meant */
  constructor(id: string, similar: readonly string[] = []) {
    const hint = similar.length > 0 ? `; did you mean ${similar.join(' or ')}?` : '';
    super(`no batch "${id}" is known${hint}`);
  }
}
