import type { Manifest } from '../folder/manifest.ts';
import type { StoredBatch } from '../folder/stored-batches.ts';
import type { RecordSink } from '../sink/record-sink.ts';
import type { Sink } from '../sink/sink.ts';
import type { SinkOptions } from '../sink/sink-options.ts';

export interface CheckOutOptions {
  readonly signal?: AbortSignal;
  /** Called with the bytes copied so far and the bytes to copy, as far as they are known. */
  readonly onProgress?: (done: number, total: number) => void;
  /** The most that a temporary copy may take, in bytes. @default any size */
  readonly maxBytes?: number;
}

/** Parts and manifest of a batch as plain files, for as long as they are in use. */
export interface CheckedOut extends AsyncDisposable {
  /**
   * Results folders with plain parts of the batch, which together are all of it. Some may be
   * temporary copies: nothing is written to them.
   */
  readonly dirs: readonly string[];
}

/** What {@link ResultsStore.examine} has found. */
export interface Examination {
  /** The id of the place; undefined if no worker has written there yet. */
  readonly id: string | undefined;
  /** How long it took to write something durably; undefined if there is no such place yet. */
  readonly writeMs: number | undefined;
}

/**
 * A place for records: workers write to its sink, commands read what is there.
 *
 *     worker ── records ──▶ sink ──▶ place ── check out ──▶ folder of plain parts ──▶ export, …
 *
 * Everything that reads records works on a folder with plain parts, so that no reader has to know
 * of other places.
 */
export interface ResultsStore {
  /** The place as it may be shown and stored: without a password. */
  readonly location: string;
  /** A sink that is not started. */
  sink(options: SinkOptions): Sink;
  /** The same, which encodes and writes in a thread of its own. @default there is none */
  threadedSink?(options: SinkOptions): RecordSink;
  /** Creates the place if it can be created. @throws SinkError if records cannot be written */
  probe(): Promise<void>;
  /**
   * Writes something as workers do and removes it as `prune` does. Unlike {@link probe} it creates
   * nothing that stays.
   *
   * @throws SinkError or ResultsUnreadableError if one or the other cannot be done
   */
  examine(): Promise<Examination>;
  /** Ids of the batches that have a manifest here. @throws ResultsUnreadableError */
  batches(): Promise<string[]>;
  /** @throws ResultsUnreadableError */
  manifest(batch: string): Promise<Manifest | undefined>;
  /** Undefined if there is nothing of the batch here. */
  measure(batch: string): Promise<StoredBatch | undefined>;
  /**
   * Removes what workers have written of a batch, the manifest last.
   *
   * @returns why something was kept; undefined if nothing is left
   */
  remove(batch: string): Promise<string | undefined>;
  /**
   * Results folders with all of the batch as plain parts, if no copy is needed for it.
   *
   * @throws ResultsNotFoundError, ResultsUnreadableError
   */
  inPlace(batch: string): Promise<readonly string[] | undefined>;
  /**
   * @throws ResultsNotFoundError if nothing of the batch is here; ResultsUnreadableError;
   *   CopyTooLargeError
   */
  checkOut(batch: string, options?: CheckOutOptions): Promise<CheckedOut>;
}
