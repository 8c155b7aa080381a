import { Worker } from 'node:worker_threads';
import { type RecordDraft, toError } from '@fetchfleet/crawl';
import type { Compression } from '../folder/layout.ts';
import { SinkError } from '../sink/sink.ts';
import type { SinkOptions } from '../sink/sink-options.ts';
import { MemoryPool } from './memory-pool.ts';
import type { ThreadReply, ThreadRequest, ThreadSettings } from './messages.ts';
import { packDrafts, packedBytes } from './packed-drafts.ts';
import { packError, unpackError } from './thread-error.ts';

export interface ThreadOptions extends SinkOptions {
  /** Results folder. */
  readonly dir: string;
  /** Of the parts. @default 'none' */
  readonly compression?: Compression;
  /** What the thread runs. @default the program beside this one */
  readonly program?: URL;
}

interface PendingAppend {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const IS_BUILT = import.meta.url.endsWith('.js');
const PROGRAM = new URL(IS_BUILT ? './sink-thread.js' : './sink-thread.ts', import.meta.url);
/** What it needs to find its sources. @default the flags of this process */
const FLAGS = IS_BUILT ? {} : { execArgv: ['--conditions=@fetchfleet/source'] };

/**
 * The thread of a sink, as this one sees it.
 *
 *     starting ──started──▶ writing ──stop()──▶ stopping ──▶ ended
 *        └──not-started──▶ ended     └──────dies──────────────▲
 */
export class WriterThread {
  readonly #options: ThreadOptions;
  readonly #thread: Worker;
  readonly #memory = new MemoryPool();
  readonly #pending = new Map<number, PendingAppend>();
  readonly #started = Promise.withResolvers<void>();
  readonly #ended = Promise.withResolvers<void>();
  #appends = 0;
  #hasEnded = false;

  private constructor(options: ThreadOptions, rootId: string | undefined) {
    const { dir, worker, compression = 'none', maxOpenParts, program = PROGRAM } = options;
    this.#options = options;
    const own = maxOpenParts === undefined ? {} : { maxOpenParts };
    const settings: ThreadSettings = { dir, worker, compression, rootId, ...own };
    this.#thread = new Worker(program, { ...FLAGS, workerData: settings });
    this.#thread.on('message', (reply: ThreadReply) => this.#take(reply));
    this.#thread.on('error', (error) => this.#end(toError(error).message));
    this.#thread.on('exit', (code) => this.#end(`its exit code is ${code}`));
  }

  /**
   * @param rootId of the results folder
   * @throws SinkError if it cannot write there; another error if there can be no thread
   */
  static async start(options: ThreadOptions, rootId: string | undefined): Promise<WriterThread> {
    const thread = new WriterThread(options, rootId);
    await thread.#started.promise;
    return thread;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Resolves when the records are durable. Their bodies may be changed as soon as it returns. */
  append(batch: string, drafts: readonly RecordDraft[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const memory = this.#memory.take(packedBytes(drafts));
    const packed = packDrafts(drafts, memory);
    const id = this.#appends++;
    this.#pending.set(id, { resolve, reject });
    this.#send({ kind: 'append', id, batch, packed }, [memory]);
    return promise;
  }

  /** Waits for pending appends. */
  async stop(): Promise<void> {
    if (!this.#hasEnded) {
      this.#send({ kind: 'stop' });
    }
    await this.#ended.promise;
  }

  #send(request: ThreadRequest, transferred: readonly ArrayBuffer[] = []): void {
    this.#thread.postMessage(request, transferred);
  }

  #take(reply: ThreadReply): void {
    switch (reply.kind) {
      case 'started':
        return this.#started.resolve();
      case 'not-started':
        this.#started.reject(unpackError(reply.error));
        return;
      case 'appended':
        this.#memory.giveBack(reply.memory);
        return this.#endAppend(reply.id)?.resolve();
      case 'not-appended':
        return this.#endAppend(reply.id)?.reject(unpackError(reply.error));
      case 'flushed':
        return this.#options.observe?.(reply);
      case 'ask-manifest':
        void this.#sendManifest(reply.id, reply.batch);
    }
  }

  #endAppend(id: number): PendingAppend | undefined {
    const append = this.#pending.get(id);
    this.#pending.delete(id);
    return append;
  }

  async #sendManifest(id: number, batch: string): Promise<void> {
    try {
      this.#send({ kind: 'manifest', id, manifest: await this.#options.manifest(batch) });
    } catch (error) {
      this.#send({ kind: 'no-manifest', id, error: packError(error) });
    }
  }

  /** The thread has ended: nothing that is pending will be answered. */
  #end(reason: string): void {
    if (this.#hasEnded) {
      return;
    }
    this.#hasEnded = true;
    this.#started.reject(new Error(reason));
    const lost = `the thread that writes has ended: ${reason}`;
    const error = new SinkError('write results to', this.#options.dir, lost);
    for (const { reject } of this.#pending.values()) {
      reject(error);
    }
    this.#pending.clear();
    this.#ended.resolve();
  }
}
