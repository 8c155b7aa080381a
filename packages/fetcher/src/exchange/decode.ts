import type { Transform } from 'node:stream';
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
} from 'node:zlib';

/** Sent as `accept-encoding`: exactly what is decoded here. */
export const ACCEPTED_CODINGS = 'gzip, deflate, br, zstd';

type Coding = 'gzip' | 'deflate' | 'br' | 'zstd';

/** More layers than this are no honest response; the body is kept as it came. */
const MAX_CODINGS = 3;

/** 8 MiB, the most a decoder must support for `content-encoding` (RFC 9659): a frame may ask for 16 times as much. */
const ZSTD_WINDOW_LOG = 23;

/** What a decoder tells. `onEnd` and `onError` are final, and nothing is told after `destroy()`. */
export interface DecoderEvents {
  onDecoded(chunk: Buffer): void;
  /** It can take more, after `write` returned false. */
  onDrain(): void;
  onDecodedEnd(): void;
  onCorrupt(error: Error): void;
}

/** The codings to undo, in the order they were applied; empty when there are none, or one that is not known. */
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
    } else if (name !== '' && name !== 'identity') {
      return [];
    }
  }
  return codings.length > MAX_CODINGS ? [] : codings;
}

/** Undoes `content-encoding` chunk by chunk, with back-pressure, so that a bomb never unfolds in memory. */
export class BodyDecoder {
  readonly #codings: readonly Coding[];
  readonly #events: DecoderEvents;
  #stages: Transform[] = [];
  #destroyed = false;

  constructor(codings: readonly Coding[], events: DecoderEvents) {
    this.#codings = codings;
    this.#events = events;
  }

  /** False: wait for `onDrain` before the next chunk. */
  write(chunk: Buffer): boolean {
    if (this.#destroyed || chunk.length === 0) {
      return true;
    }
    if (this.#stages.length === 0) {
      this.#open(chunk);
    }
    return this.#stages[0]?.write(chunk) ?? true;
  }

  end(): void {
    if (this.#stages.length === 0) {
      // No byte came: an empty body is empty under every coding.
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

  #open(firstChunk: Buffer): void {
    // The coding that was applied last comes off first.
    this.#stages = this.#codings.toReversed().map((coding) => STAGES[coding](firstChunk));
    for (const [index, stage] of this.#stages.entries()) {
      stage.on('error', (error) => {
        this.#tell(() => this.#events.onCorrupt(error));
      });
      const next = this.#stages[index + 1];
      if (next) {
        stage.pipe(next);
      }
    }
    this.#stages[0]?.on('drain', () => {
      this.#tell(() => this.#events.onDrain());
    });
    const last = this.#stages.at(-1);
    last?.on('data', (chunk: Buffer) => {
      this.#tell(() => this.#events.onDecoded(chunk));
    });
    last?.on('end', () => {
      this.#tell(() => this.#events.onDecodedEnd());
    });
  }

  #tell(event: () => void): void {
    if (!this.#destroyed) {
      event();
    }
  }
}

const STAGES: Readonly<Record<Coding, (firstChunk: Buffer) => Transform>> = {
  gzip: () => createGunzip(),
  br: () => createBrotliDecompress(),
  zstd: () =>
    createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG } }),
  // Meant to be zlib, but some servers send the raw form.
  deflate: (firstChunk) => (isZlib(firstChunk) ? createInflate() : createInflateRaw()),
};

/** By the method nibble of a zlib header, which no usual raw stream starts with. */
function isZlib(bytes: Buffer): boolean {
  return ((bytes[0] ?? 0) & 0x0f) === 8;
}
