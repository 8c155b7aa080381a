import { encodeDrafts, type RecordDraft } from '@fetchfleet/crawl';
import { PendingWork } from './pending-work.ts';
import type { Gathering, Sink } from './sink.ts';

/** A sink for records whose bodies are not encoded yet. */
export interface RecordSink extends Omit<Sink, 'append'> {
  /**
   * Resolves when all records are durable. After a rejection none of them counts as durable; append
   * the same again. Bodies must not change meanwhile.
   */
  append(batch: string, drafts: readonly RecordDraft[]): Promise<void>;
}

/** Encodes records in this thread, for any sink. */
export class EncodingSink implements RecordSink {
  readonly gathering?: Gathering;
  readonly #sink: Sink;
  readonly #pending = new PendingWork();

  constructor(sink: Sink) {
    this.#sink = sink;
    if (sink.gathering !== undefined) {
      this.gathering = sink.gathering;
    }
  }

  get id(): string | undefined {
    return this.#sink.id;
  }

  async start(): Promise<void> {
    await this.#sink.start();
  }

  async assertSame(): Promise<void> {
    await this.#sink.assertSame();
  }

  async append(batch: string, drafts: readonly RecordDraft[]): Promise<void> {
    await this.#pending.add(this.#append(batch, drafts));
  }

  async stop(): Promise<void> {
    await this.#pending.ended();
    await this.#sink.stop();
  }

  async #append(batch: string, drafts: readonly RecordDraft[]): Promise<void> {
    await this.#sink.append(batch, await encodeDrafts(drafts));
  }
}
