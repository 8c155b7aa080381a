import type { Transform } from 'node:stream';
import { BrotliDecoder, DeflateDecoder, GzipDecoder, ZstdDecoder } from './member-decoder.ts';

/** Value of `accept-encoding`: exactly the codings that are decoded here. */
export const ACCEPTED_CODINGS = 'gzip, deflate, br, zstd';

type Coding = 'gzip' | 'deflate' | 'br' | 'zstd';

/**
 * Names that change nothing. S3 keeps `aws-chunked`, which tells how a file was uploaded, and sends
 * it with the file.
 */
const NO_CODINGS = new Set(['', 'identity', 'aws-chunked']);

/** A response with more layers is an attack or a mistake; its body is kept as it came. */
const MAX_CODINGS = 3;

/** A body that cannot be compressed grows a little by its coding. */
const MAX_GROWTH_BYTES = 65_536;

/** `onDecodedEnd`, `onCorrupt` and `onTooLarge` are final; nothing is called after `destroy()`. */
export interface DecoderEvents {
  onDecoded(chunk: Buffer): void;
  /** The decoder accepts data again after `write` returned false. */
  onDrain(): void;
  onDecodedEnd(): void;
  onCorrupt(error: Error): void;
  /** More bytes than the body may have came in, or went from one coding to the next. */
  onTooLarge(): void;
}

/** The codings of a body in the order they were applied; empty if one of them is unknown. */
export function parseCodings(contentEncoding: string | undefined): readonly Coding[] {
  if (contentEncoding === undefined) {
    return [];
  }
  const codings: Coding[] = [];
  for (const part of contentEncoding.toLowerCase().split(',')) {
    const name = part.trim();
    if (name === 'gzip' || name === 'x-gzip') {
      codings.push('gzip');
    } else if (name === 'deflate' || name === 'br' || name === 'zstd') {
      codings.push(name);
    } else if (!NO_CODINGS.has(name)) {
      return [];
    }
  }
  return codings.length > MAX_CODINGS ? [] : codings;
}

/**
 * Decodes a body chunk by chunk with back-pressure, so a compression bomb never fills the memory.
 */
export class BodyDecoder {
  readonly #codings: readonly Coding[];
  readonly #events: DecoderEvents;
  readonly #maxBytes: number;
  #received = 0;
  #stages: Transform[] = [];
  #destroyed = false;

  /** @param maxBodyBytes of the decoded body */
  constructor(codings: readonly Coding[], maxBodyBytes: number, events: DecoderEvents) {
    this.#codings = codings;
    this.#maxBytes = maxBodyBytes + MAX_GROWTH_BYTES;
    this.#events = events;
  }

  /** False: wait for `onDrain` before the next chunk. */
  write(chunk: Buffer): boolean {
    if (this.#destroyed || chunk.length === 0) {
      return true;
    }
    this.#received += chunk.length;
    if (this.#received > this.#maxBytes) {
      this.#events.onTooLarge();
      return true;
    }
    if (this.#stages.length === 0) {
      this.#open();
    }
    return this.#stages[0]?.write(chunk) ?? true;
  }

  end(): void {
    if (this.#stages.length === 0) {
      // An empty body is empty under every coding.
      this.#events.onDecodedEnd();
    } else {
      this.#stages[0]?.end();
    }
  }

  destroy(): void {
    this.#destroyed = true;
    for (const stage of this.#stages) {
      stage.destroy();
    }
  }

  #open(): void {
    // The coding that was applied last is removed first.
    this.#stages = this.#codings.toReversed().map((coding) => STAGES[coding]());
    for (const [index, stage] of this.#stages.entries()) {
      stage.on('error', (error) => {
        this.#emit(() => this.#events.onCorrupt(error));
      });
      const next = this.#stages[index + 1];
      if (next) {
        this.#bound(stage);
        stage.pipe(next);
      }
    }
    this.#stages[0]?.on('drain', () => {
      this.#emit(() => this.#events.onDrain());
    });
    const last = this.#stages.at(-1);
    last?.on('data', (chunk: Buffer) => {
      this.#emit(() => this.#events.onDecoded(chunk));
    });
    last?.on('end', () => {
      this.#emit(() => this.#events.onDecodedEnd());
    });
  }

  /** The next stage may make nothing of what this one makes, so it is counted here. */
  #bound(stage: Transform): void {
    let bytes = 0;
    stage.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > this.#maxBytes) {
        this.#emit(() => this.#events.onTooLarge());
      }
    });
  }

  #emit(event: () => void): void {
    if (!this.#destroyed) {
      event();
    }
  }
}

const STAGES: Readonly<Record<Coding, () => Transform>> = {
  gzip: () => new GzipDecoder(),
  br: () => new BrotliDecoder(),
  zstd: () => new ZstdDecoder(),
  deflate: () => new DeflateDecoder(),
};
