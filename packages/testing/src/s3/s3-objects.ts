import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface S3Object {
  readonly body: Buffer;
  readonly etag: string;
  readonly modified: string;
  /** `content-type`, `content-encoding` and checksums, as they were sent. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What a `PUT` demands of what is there. */
export interface Precondition {
  readonly ifNoneMatch?: string | undefined;
  readonly ifMatch?: string | undefined;
}

/** Objects by bucket and key, with a folder if they have to outlive the process. */
export class S3Objects {
  readonly #objects = new Map<string, S3Object>();
  readonly #folder: string | undefined;

  constructor(folder?: string) {
    this.#folder = folder;
    for (const name of folder === undefined ? [] : readdirSync(folder)) {
      if (!name.endsWith('.tmp')) {
        const body = readFileSync(join(folder ?? '', name));
        this.#objects.set(decodeURIComponent(name), describe(body, {}));
      }
    }
  }

  get(id: string): S3Object | undefined {
    return this.#objects.get(id);
  }

  /** In the order of listings: that of their bytes. */
  ids(): string[] {
    return [...this.#objects.keys()].toSorted((one, other) =>
      Buffer.compare(Buffer.from(one), Buffer.from(other)),
    );
  }

  /** Whether an object may be put, by what is there now. */
  meets(id: string, { ifNoneMatch, ifMatch }: Precondition): boolean {
    const present = this.#objects.get(id);
    return (
      (ifNoneMatch === undefined || present === undefined) &&
      (ifMatch === undefined || present?.etag === ifMatch)
    );
  }

  put(id: string, body: Buffer, headers: S3Object['headers'] = {}): S3Object {
    const object = describe(body, headers);
    if (this.#folder !== undefined) {
      const path = this.#path(id);
      writeFileSync(`${path}.tmp`, body);
      renameSync(`${path}.tmp`, path);
    }
    this.#objects.set(id, object);
    return object;
  }

  delete(id: string): void {
    this.#objects.delete(id);
    if (this.#folder !== undefined) {
      rmSync(this.#path(id), { force: true });
    }
  }

  #path(id: string): string {
    return join(this.#folder ?? '', encodeURIComponent(id));
  }
}

function describe(body: Buffer, headers: S3Object['headers']): S3Object {
  return {
    body,
    headers,
    etag: `"${createHash('md5').update(body).digest('hex')}"`,
    modified: new Date().toISOString(),
  };
}
