import type { Manifest } from '../folder/manifest.ts';
import type { FlushEvent } from './group-commit.ts';

/** What every sink needs to know, wherever it writes to. */
export interface SinkOptions {
  /** Id of the worker; part of the names of what it writes. */
  readonly worker: string;
  /**
   * Called before the first record of a batch is written, and again while `total` is 0. Its errors
   * reject the append.
   */
  readonly manifest: (batch: string) => Promise<Manifest>;
  /** Files that the sink may keep open while they are idle. @default as the sink says */
  readonly maxOpenParts?: number;
  /** Called after each successful flush. */
  readonly observe?: (event: FlushEvent) => void;
}
