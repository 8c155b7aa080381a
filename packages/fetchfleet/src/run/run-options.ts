import type { BatchStatus } from '../fleet/documents.ts';
import type { WorkerOptions } from '../worker/create-worker.ts';

export interface RunOptions extends Pick<
  WorkerOptions,
  'concurrency' | 'transport' | 'env' | 'onRecord' | 'onLog'
> {
  /**
   * `inline`: one worker in this process. A number: so many processes, which call neither
   * `onRecord` nor `onLog`. @default 'inline'
   */
  readonly workers?: 'inline' | number;
  /** @default a `redis-server` of its own, which ends with the run */
  readonly redisUrl?: string;
  /**
   * As `--results`: a folder or an address. @default a temporary folder, which is removed when the
   * run is disposed of
   */
  readonly results?: string;
  /** Ends the run: the batch is cancelled, running fetches may end, and the reason is thrown. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (status: BatchStatus) => void;
  readonly onWarning?: (message: string) => void;
}
