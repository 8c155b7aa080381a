/** Where records go. Whoever implements it promises durability: what was appended survives a power cut. */
export interface Sink {
  /**
   * Resolves when every line is durable. Lines have no newline. When it rejects, nothing of the call
   * counts as durable: call it again with the same lines.
   */
  append(batch: string, lines: readonly string[]): Promise<void>;
  /** Waits for what was appended, then lets go of every file. Calling it twice is fine. */
  stop(): Promise<void>;
}
