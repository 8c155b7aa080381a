import { errorAnswer, escapeXml, type S3Answer, xmlAnswer } from './s3-answer.ts';
import type { S3Objects } from './s3-objects.ts';

interface Upload {
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly parts: Map<number, Buffer>;
}

/** Uploads in parts that are neither complete nor aborted. */
export class S3Uploads {
  readonly #uploads = new Map<string, Upload>();
  #count = 0;

  get size(): number {
    return this.#uploads.size;
  }

  begin(id: string, headers: Readonly<Record<string, string>>): S3Answer {
    this.#count += 1;
    const upload = `upload-${this.#count}`;
    this.#uploads.set(upload, { id, headers, parts: new Map() });
    const key = escapeXml(id.slice(id.indexOf('/') + 1));
    return xmlAnswer(
      `<InitiateMultipartUploadResult><Key>${key}</Key><UploadId>${upload}</UploadId>` +
        '</InitiateMultipartUploadResult>',
    );
  }

  addPart(upload: string, number: number, body: Buffer): S3Answer {
    const known = this.#uploads.get(upload);
    if (known === undefined) {
      return errorAnswer(404, 'NoSuchUpload');
    }
    known.parts.set(number, body);
    return { status: 200, headers: { etag: `"part-${number}"` } };
  }

  /** @param body names the parts */
  complete(upload: string, body: string, objects: S3Objects): S3Answer {
    const known = this.#uploads.get(upload);
    if (known === undefined) {
      return errorAnswer(404, 'NoSuchUpload');
    }
    const numbers = [...body.matchAll(/<PartNumber>(\d+)</gu)].map(([, number]) => Number(number));
    const parts = numbers.map((number) => known.parts.get(number));
    if (parts.length === 0 || parts.includes(undefined)) {
      return errorAnswer(400, 'InvalidPart');
    }
    this.#uploads.delete(upload);
    const object = objects.put(
      known.id,
      Buffer.concat(parts.filter((part) => part !== undefined)),
      known.headers,
    );
    return xmlAnswer(
      `<CompleteMultipartUploadResult><ETag>${escapeXml(object.etag)}</ETag>` +
        '</CompleteMultipartUploadResult>',
    );
  }

  abort(upload: string): S3Answer {
    return this.#uploads.delete(upload) ? { status: 204 } : errorAnswer(404, 'NoSuchUpload');
  }
}
