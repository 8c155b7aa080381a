import { setImmediate } from 'node:timers/promises';
import { makeFolder } from '../folder/durable-folder.ts';
import { batchFolder } from '../folder/layout.ts';
import { ensureManifest } from '../folder/manifest.ts';
import type { Manifest } from '../folder/manifest.ts';
import { Part } from './part.ts';
import { SinkError } from './sink-error.ts';

/** While a batch's total is unknown it is asked for again this often, in milliseconds. */
const UNKNOWN_TOTAL_RECHECK_MS = 1000;

/** Characters of text that share one flush; a larger append has a flush to itself. */
const MAX_GROUP_CHARACTERS = 8 * 1024 * 1024;

/** What a flush was: bytes made durable and how long that took. */
export interface FlushEvent {
  readonly kind: 'flushed';
  readonly bytes: number;
  readonly durationMs: number;
}

export interface BatchWriterOptions {
  readonly dir: string;
  readonly batch: string;
  readonly worker: string;
  readonly maxPartBytes: number;
  readonly manifest: (batch: string) => Promise<Manifest>;
  readonly observe: (event: FlushEvent) => void;
}

interface Append {
  readonly lines: readonly string[];
  readonly characters: number;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Writes the parts of one batch, one flush at a time. Appends that arrive while a flush is running
 * wait together and share the next one (group commit): the slower the disk, the larger the groups.
 */
export class BatchWriter {
  readonly #options: BatchWriterOptions;
  readonly #folder: string;
  readonly #waiting: Append[] = [];
  #work: Promise<void> | undefined;
  #mustClose = false;
  #part: Part | undefined;
  #nextPart = 1;
  /** When the manifest is to be looked after again, in `performance.now()` milliseconds. */
  #manifestDueAt = 0;

  constructor(options: BatchWriterOptions) {
    this.#options = options;
    this.#folder = batchFolder(options.dir, options.batch);
  }

  get isOpen(): boolean {
    return this.#part?.isOpen ?? false;
  }

  get isIdle(): boolean {
    return this.#work === undefined;
  }

  append(lines: readonly string[]): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const characters = lines.reduce((sum, line) => sum + line.length, 0);
    this.#waiting.push({ lines, characters, resolve, reject });
    this.#work ??= this.#run();
    return promise;
  }

  /** Flushes what waits and closes the file. A later append opens it again. */
  async release(): Promise<void> {
    this.#mustClose = true;
    this.#work ??= this.#run();
    await this.#work;
  }

  /** Never rejects: a failure belongs to the appends that were in the flush. */
  async #run(): Promise<void> {
    // Whatever else ends in this turn of the event loop comes along in the first flush.
    await setImmediate();
    while (this.#waiting.length > 0 || this.#mustClose) {
      if (this.#waiting.length > 0) await this.#commit(this.#takeGroup());
      else await this.#close();
    }
    this.#work = undefined;
  }

  #takeGroup(): Append[] {
    let characters = 0;
    let count = 0;
    for (const append of this.#waiting) {
      characters += append.characters;
      if (count > 0 && characters > MAX_GROUP_CHARACTERS) break;
      count += 1;
    }
    return this.#waiting.splice(0, count);
  }

  async #commit(group: readonly Append[]): Promise<void> {
    try {
      const event = await this.#flush(group.flatMap((append) => append.lines));
      for (const append of group) append.resolve();
      this.#observe(event);
    } catch (error) {
      for (const append of group) append.reject(error);
    }
  }

  async #flush(lines: readonly string[]): Promise<FlushEvent> {
    const startedAt = performance.now();
    await this.#describe(startedAt);
    const part = await this.#openPart();
    try {
      const bytes = await part.append(lines);
      return { kind: 'flushed', bytes, durationMs: performance.now() - startedAt };
    } catch (error) {
      this.#part = undefined;
      this.#manifestDueAt = 0;
      await part.abandon();
      // An empty part is removed, so that a disk that stays full does not use up numbers.
      if (part.length === 0) this.#nextPart = part.number;
      throw new SinkError('append to', part.path, error);
    }
  }

  async #describe(now: number): Promise<void> {
    if (now < this.#manifestDueAt) return;
    const { dir, batch } = this.#options;
    const manifest = await this.#options.manifest(batch);
    try {
      await ensureManifest(dir, manifest);
    } catch (error) {
      throw new SinkError('write the manifest in', this.#folder, error);
    }
    this.#manifestDueAt = manifest.total > 0 ? Infinity : now + UNKNOWN_TOTAL_RECHECK_MS;
  }

  async #openPart(): Promise<Part> {
    if (this.#part !== undefined && this.#part.length < this.#options.maxPartBytes) {
      return this.#part;
    }
    await this.#part?.close();
    this.#part = undefined;
    try {
      await makeFolder(this.#folder);
      this.#part = await Part.create(this.#folder, this.#options.worker, this.#nextPart);
    } catch (error) {
      this.#manifestDueAt = 0;
      throw new SinkError('create a part in', this.#folder, error);
    }
    this.#nextPart = this.#part.number + 1;
    return this.#part;
  }

  async #close(): Promise<void> {
    this.#mustClose = false;
    // Everything in it is durable; an error of `close` takes nothing away.
    await Promise.allSettled([this.#part?.close()]);
  }

  #observe(event: FlushEvent): void {
    try {
      this.#options.observe(event);
    } catch (error) {
      // The records are durable: a listener's mistake must not make them look lost.
      process.emitWarning(error instanceof Error ? error : String(error));
    }
  }
}
