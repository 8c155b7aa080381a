export interface TimeoutOptions<T> {
  readonly timeoutMs: number;
  /** What to answer instead of a result that is late; it may throw. */
  readonly onTimeout: () => T;
  /** Ends the wait early: the call rejects with the reason of the signal. */
  readonly signal?: AbortSignal;
}

/**
 * The result of `work`, or that of `onTimeout` if `work` takes longer than `timeoutMs`. The work
 * itself goes on; nothing is reported if it fails later.
 */
export async function withTimeout<T>(
  work: Promise<T>,
  { timeoutMs, onTimeout, signal }: TimeoutOptions<T>,
): Promise<T> {
  const { promise: late, resolve, reject } = Promise.withResolvers<'late'>();
  const timer = setTimeout(resolve, timeoutMs, 'late');
  const abort = (): void => {
    reject(signal?.reason);
  };
  if (signal?.aborted === true) {
    abort();
  }
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const first = await Promise.race([work.then((result) => ({ result })), late]);
    return first === 'late' ? onTimeout() : first.result;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
