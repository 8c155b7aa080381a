import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { crc32 } from 'node:zlib';

/** What a server sends. */
export interface S3Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
}

/** An error, as S3 writes one. Its message holds what no log may show. */
export function errorAnswer(status: number, code: string): S3Answer {
  const message = `${code} for key id ${ACCESS_KEY} signed with ${SECRET_KEY}`;
  return xmlAnswer(
    `<Error><Code>${code}</Code><Message>${message}</Message><RequestId>1</RequestId></Error>`,
    status,
  );
}

export function xmlAnswer(xml: string, status = 200): S3Answer {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n${xml}`,
  };
}

export function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

export function unescapeXml(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&amp;', '&');
}

/** What may use the server. */
export const ACCESS_KEY = 'AKIATESTACCESSKEY';
export const SECRET_KEY = 'test-secret-key-that-no-log-shows';

/** Headers of a `PUT` that a `GET` answers with. */
export function keptHeaders({ headers }: IncomingMessage): Record<string, string> {
  const names = ['content-type', 'content-encoding', 'x-amz-checksum-crc32'];
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = headers[name];
      return typeof value === 'string' ? [[name, value]] : [];
    }),
  );
}

/** The error of S3 if a body is not the one that was sent. */
export function damageOf(body: Buffer, { headers }: IncomingMessage): S3Answer | undefined {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  const expected: readonly (readonly [name: string, value: string])[] = [
    ['x-amz-checksum-crc32', sum.toString('base64')],
    ['x-amz-checksum-sha256', createHash('sha256').update(body).digest('base64')],
    ['content-md5', createHash('md5').update(body).digest('base64')],
  ];
  const isDamaged = expected.some(
    ([name, value]) => headers[name] !== undefined && headers[name] !== value,
  );
  return isDamaged ? errorAnswer(400, 'BadDigest') : undefined;
}
