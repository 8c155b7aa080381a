/**
 * The thread that encodes and writes the records of a worker: the program that `WriterThread`
 * starts.
 */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { encodeDraft } from '@fetchfleet/crawl';
import type { Manifest } from '../folder/manifest.ts';
import { FileSink } from '../sink/file-sink.ts';
import { SinkError } from '../sink/sink.ts';
import type { ThreadReply, ThreadRequest, ThreadSettings } from './messages.ts';
import { type PackedDrafts, unpackDrafts } from './packed-drafts.ts';
import { packError, unpackError } from './thread-error.ts';

class ThreadProgram {
  readonly #port: MessagePort;
  readonly #settings: ThreadSettings;
  readonly #sink: FileSink;
  readonly #asked = new Map<number, PromiseWithResolvers<Manifest>>();
  #questions = 0;

  constructor(port: MessagePort, { rootId, ...settings }: ThreadSettings) {
    this.#port = port;
    this.#settings = { rootId, ...settings };
    this.#sink = new FileSink({
      ...settings,
      manifest: async (batch) => this.#askManifest(batch),
      observe: ({ bytes, durationMs }) => this.#reply({ kind: 'flushed', bytes, durationMs }),
    });
  }

  async run(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      this.#reply({ kind: 'not-started', error: packError(error) });
      return;
    }
    this.#port.on('message', (request: ThreadRequest) => void this.#take(request));
    this.#reply({ kind: 'started' });
  }

  async #start(): Promise<void> {
    const { dir, rootId } = this.#settings;
    await this.#sink.start();
    if (rootId !== undefined && this.#sink.id !== rootId) {
      const reason = `another folder is at this path: its marker does not say ${rootId}`;
      throw new SinkError('write results to', dir, reason);
    }
  }

  async #take(request: ThreadRequest): Promise<void> {
    switch (request.kind) {
      case 'append':
        return this.#append(request.id, request.batch, request.packed);
      case 'manifest':
        return this.#answered(request.id)?.resolve(request.manifest);
      case 'no-manifest':
        return this.#answered(request.id)?.reject(unpackError(request.error));
      case 'stop':
        await this.#sink.stop();
        this.#port.close();
    }
  }

  async #append(id: number, batch: string, packed: PackedDrafts): Promise<void> {
    try {
      await this.#sink.append(batch, unpackDrafts(packed).map(encodeDraft));
      const { memory } = packed;
      this.#reply({ kind: 'appended', id, memory }, [memory]);
    } catch (error) {
      // Its memory stays here: what failed may not have let go of it yet.
      this.#reply({ kind: 'not-appended', id, error: packError(error) });
    }
  }

  async #askManifest(batch: string): Promise<Manifest> {
    const id = this.#questions++;
    const answer = Promise.withResolvers<Manifest>();
    this.#asked.set(id, answer);
    this.#reply({ kind: 'ask-manifest', id, batch });
    return answer.promise;
  }

  #answered(id: number): PromiseWithResolvers<Manifest> | undefined {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    return asked;
  }

  #reply(reply: ThreadReply, transferred: readonly ArrayBuffer[] = []): void {
    this.#port.postMessage(reply, transferred);
  }
}

if (parentPort !== null) {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- what WriterThread has sent
  await new ThreadProgram(parentPort, workerData as ThreadSettings).run();
}
