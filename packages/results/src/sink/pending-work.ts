/** Work that has begun and not ended, for whoever has to wait for it. */
export class PendingWork {
  readonly #pending = new Set<Promise<unknown>>();

  async add(work: Promise<void>): Promise<void> {
    this.#pending.add(work);
    try {
      await work;
    } finally {
      this.#pending.delete(work);
    }
  }

  /** Resolves when everything that has begun so far has ended, however. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#pending);
  }
}
