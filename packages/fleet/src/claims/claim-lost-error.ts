/** Another worker has the slice now. */
export class ClaimLostError extends Error {
  override readonly name = 'ClaimLostError';
  readonly code = 'CLAIM_LOST';

  constructor(id: string, options?: ErrorOptions) {
    super(`slice ${id} was lost to another worker`, options);
  }
}

/**
 * Whether BullMQ refused a job because this worker no longer has its lock. BullMQ has three
 * messages for that: "Missing lock", "Lock mismatch" and "is not in the active state".
 */
export function isLockError(error: unknown): boolean {
  return (
    error instanceof Error &&
    /\block\b|not in the active state|Missing key for job/i.test(error.message)
  );
}
