import { randomUUID } from 'node:crypto';
import { toError } from '@fetchfleet/crawl';
import { SinkError } from '../sink/sink.ts';
import type { Bucket } from './bucket.ts';
import { unconditional } from './failure.ts';

/** A marker has 37 bytes. */
const MAX_MARKER_BYTES = 1024;

/**
 * The object that tells places apart: its content is a random id. A bucket may be emptied, or
 * another server may answer at the endpoint; records there would be lost for this place.
 *
 *     marker      when opened              with a flush
 *     as it was   its id is the place's    the flush counts
 *     other id    its id is the place's    the flush fails: another place is here
 *     missing     it is created            the flush fails: a bucket does not show whether it was
 *                                          emptied or is another one
 */
export class S3Marker {
  readonly #bucket: Bucket;
  readonly #key: string;
  #id: string | undefined;

  constructor(bucket: Bucket, key: string) {
    this.#bucket = bucket;
    this.#key = key;
  }

  /** Undefined before {@link open}. */
  get id(): string | undefined {
    return this.#id;
  }

  /** The id of the place; undefined if it has none. Rejects if the bucket cannot be read. */
  async find(): Promise<string | undefined> {
    return this.#read();
  }

  /**
   * Creates the marker if it is missing, and shows that the server does what sinks rely on.
   *
   * @throws SinkError if records cannot be written
   */
  async open(): Promise<void> {
    try {
      const id = (await this.#read()) ?? (await this.#create());
      // Its content is the same, so a server that does not know the condition changes nothing.
      if (await this.#bucket.create(this.#key, Buffer.from(`${id}\n`))) {
        throw unconditional();
      }
      this.#id = id;
    } catch (error) {
      // The reason alone: a logger would write the message of a cause once more.
      throw new SinkError('write results to', this.#address, toError(error).message);
    }
  }

  /** @throws SinkError unless the marker is the one that was opened */
  async assertSame(): Promise<void> {
    if (this.#id === undefined) {
      await this.open();
      return;
    }
    let found: string | undefined;
    try {
      found = await this.#read();
    } catch (error) {
      throw new SinkError('read', this.#address, toError(error).message);
    }
    if (found !== this.#id) {
      const what = found === undefined ? 'it is gone' : `it does not say ${this.#id}`;
      throw new SinkError(
        'write results beside',
        this.#address,
        `another place is here, for ${what}; workers that start anew use what they find`,
      );
    }
  }

  async #create(): Promise<string> {
    const id = randomUUID();
    await this.#bucket.create(this.#key, Buffer.from(`${id}\n`));
    // Another worker may have been first.
    const found = await this.#read();
    if (found === undefined) {
      throw new Error(`what is there is no marker: it has more than ${MAX_MARKER_BYTES} bytes`);
    }
    return found;
  }

  async #read(): Promise<string | undefined> {
    const content = await this.#bucket.read(this.#key, MAX_MARKER_BYTES);
    return content?.toString('utf8').trim();
  }

  get #address(): string {
    return this.#bucket.addressOf(this.#key);
  }
}
