import { draftLength, type RecordDraft, toError } from '@fetchfleet/crawl';
import { FileSink } from '../sink/file-sink.ts';
import { PendingWork } from '../sink/pending-work.ts';
import { EncodingSink, type RecordSink } from '../sink/record-sink.ts';
import { SinkError } from '../sink/sink.ts';
import { WriterThread, type ThreadOptions } from './writer-thread.ts';

export interface ThreadedSinkOptions extends ThreadOptions {
  /** Bytes of records that are written before the thread is started. @default 8 MiB */
  readonly bytesWithoutThread?: number;
}

const BYTES_WITHOUT_THREAD = 8 * 1_024 * 1_024;
/** A body of this size is worth the thread at once: encoding it takes as long as ten fetches. */
const LARGE_BODY_BYTES = 256 * 1_024;

/**
 * Writes records to a results folder from a thread of its own, so that checking, encoding and
 * writing them takes nothing of the time of the thread that fetches.
 *
 * The thread takes 50 ms of CPU to start and 15 MB, so a worker that has little to write does it
 * itself. It goes on so where no thread can be started, for example in a bundle of somebody else's,
 * which lacks the program. What is not acknowledged when the thread dies is rejected; the next
 * append starts another one, which begins new parts.
 */
export class ThreadedSink implements RecordSink {
  readonly #options: ThreadedSinkOptions;
  /** Encodes and writes in this thread. */
  readonly #local: EncodingSink;
  #bytesWithoutThread = 0;
  #thread: Promise<WriterThread> | undefined;
  readonly #pending = new PendingWork();
  #isStopped = false;
  /** Then nothing is written here any more, even if the thread has died. */
  #hasHadThread = false;
  /** There can be no thread. */
  #isImpossible = false;

  constructor(options: ThreadedSinkOptions) {
    this.#options = options;
    this.#local = new EncodingSink(new FileSink(options));
  }

  get id(): string | undefined {
    return this.#local.id;
  }

  async start(): Promise<void> {
    await this.#local.start();
  }

  async assertSame(): Promise<void> {
    await this.#local.assertSame();
  }

  async append(batch: string, drafts: readonly RecordDraft[]): Promise<void> {
    if (this.#isStopped || !this.#needsThread(drafts)) {
      return this.#local.append(batch, drafts);
    }
    return this.#pending.add(this.#appendWithThread(batch, drafts));
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    // Some may wait for the thread to start.
    await this.#pending.ended();
    const thread = await this.#thread?.catch(() => undefined);
    await Promise.all([this.#local.stop(), thread?.stop()]);
  }

  async #appendWithThread(batch: string, drafts: readonly RecordDraft[]): Promise<void> {
    const thread = await this.#running();
    await (thread ?? this.#local).append(batch, drafts);
  }

  #needsThread(drafts: readonly RecordDraft[]): boolean {
    if (this.#thread !== undefined || this.#isImpossible) {
      return !this.#isImpossible;
    }
    const isOneLarge = drafts.some((draft) => draftLength(draft) >= LARGE_BODY_BYTES);
    const { bytesWithoutThread = BYTES_WITHOUT_THREAD } = this.#options;
    if (isOneLarge || this.#bytesWithoutThread >= bytesWithoutThread) {
      return true;
    }
    this.#bytesWithoutThread += drafts.reduce((sum, draft) => sum + draftLength(draft), 0);
    return false;
  }

  /** The thread, which is started if there is none or if it has died; undefined if it cannot be. */
  async #running(): Promise<WriterThread | undefined> {
    this.#thread ??= this.#startThread();
    const starting = this.#thread;
    try {
      const thread = await starting;
      if (!thread.hasEnded) {
        return thread;
      }
    } catch (error) {
      this.#forget(starting);
      if (error instanceof SinkError || this.#hasHadThread) {
        throw error;
      }
      this.#goOnWithout(toError(error));
      return undefined;
    }
    this.#forget(starting);
    return this.#running();
  }

  #forget(thread: Promise<WriterThread>): void {
    if (this.#thread === thread) {
      this.#thread = undefined;
    }
  }

  #goOnWithout({ message }: Error): void {
    if (!this.#isImpossible) {
      this.#isImpossible = true;
      process.emitWarning(`records are written without a thread, which is slower: ${message}`);
    }
  }

  async #startThread(): Promise<WriterThread> {
    // A thread creates a folder that is missing, which running workers must not do.
    await this.#local.assertSame();
    const thread = await WriterThread.start(this.#options, this.#local.id);
    this.#hasHadThread = true;
    // What is under way here ends, and its files are closed.
    void this.#local.stop();
    return thread;
  }
}
