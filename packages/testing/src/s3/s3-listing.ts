import { escapeXml, type S3Answer, xmlAnswer } from './s3-answer.ts';
import type { S3Objects } from './s3-objects.ts';

/** The answer to `ListObjectsV2`, one page of it. */
export function listAnswer(
  objects: S3Objects,
  bucket: string,
  query: URLSearchParams,
  pageSize: number,
): S3Answer {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const after = Buffer.from(query.get('continuation-token') ?? '', 'base64').toString();
  const keys = objects
    .ids()
    .filter((id) => id.startsWith(`${bucket}/${prefix}`))
    .map((id) => id.slice(bucket.length + 1));
  const entries = new Map<string, boolean>();
  for (const key of keys) {
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    entries.set(end < 0 ? key : key.slice(0, end + delimiter.length), end < 0);
  }
  const rest = [...entries].filter(([name]) => after === '' || name > after);
  const page = rest.slice(0, Math.min(pageSize, Number(query.get('max-keys') ?? 1000)));
  const isTruncated = page.length < rest.length;
  const token = Buffer.from(page.at(-1)?.[0] ?? '').toString('base64');
  const items = page.map(([name, isKey]) =>
    isKey
      ? contents(objects, bucket, name)
      : `<CommonPrefixes>${tag('Prefix', name)}</CommonPrefixes>`,
  );
  return xmlAnswer(
    `<ListBucketResult>${tag('Name', bucket)}${tag('Prefix', prefix)}` +
      `<KeyCount>${page.length}</KeyCount><IsTruncated>${isTruncated}</IsTruncated>` +
      `${isTruncated ? tag('NextContinuationToken', token) : ''}${items.join('')}` +
      '</ListBucketResult>',
  );
}

function contents(objects: S3Objects, bucket: string, key: string): string {
  const object = objects.get(`${bucket}/${key}`);
  return (
    `<Contents>${tag('Key', key)}${tag('LastModified', object?.modified ?? '')}` +
    `${tag('ETag', object?.etag ?? '')}<Size>${object?.body.length ?? 0}</Size></Contents>`
  );
}

function tag(name: string, text: string): string {
  return `<${name}>${escapeXml(text)}</${name}>`;
}
