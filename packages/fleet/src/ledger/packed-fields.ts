import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { z } from 'zod';

/** Fields of a batch that scripts read, also after its end. */
export const UNPACKED_FIELDS: readonly string[] = ['state', 'total', 'settled', 'failed'];

/**
 * What most batches have in common: it halves the compressed text. Never change it, because what is
 * stored could not be read any more: a better one needs another version.
 */
const DICTIONARY = Buffer.from(
  [
    '"retries":"1","pausedAt":"1","cancelledAt":"1","paceFrom":"17","paceSettled":"',
    '"outcome:http-error":"","outcome:network-error":"","outcome:timeout":"","outcome:ok":"',
    '.ndjson","kind":"file","path":"/home/","kind":"list","values":["","kind":"countries"',
    '"allow":[],"createdAt":"17","startedAt":"17","durationUs":"","bytes":"","finishedAt":"17',
    '"results":"/results","source":"/crawl.yaml","fingerprint":"","sliceSize":"1","name":"',
    '"crawl":"{\\"sources\\":[{\\"name\\":\\"id\\",\\"kind\\":\\"range\\",\\"from\\":1,\\"to\\":10',
    '}],\\"combine\\":\\"product\\"}","plan":"{\\"name\\":\\"',
    '\\",\\"url\\":\\"https://api.example.com/{id}\\",\\"params\\":[\\"id\\"],\\"headers\\":{},',
    '\\"politeness\\":{\\"rate\\":\\"unlimited\\",\\"burst\\":1,\\"concurrency\\":4,',
    '\\"robots\\":\\"ignore\\",\\"robots\\":\\"obey\\",\\"patienceMs\\":3600000},',
    '\\"retry\\":{\\"attempts\\":5,\\"backoffMs\\":1000},\\"limits\\":{\\"timeoutMs\\":30000,',
    '\\"maxBodyBytes\\":10000000,\\"redirects\\":5},',
    '\\"network\\":{\\"allowPrivate\\":false,\\"allow\\":[]}}","',
  ].join(''),
);

const fields = z.record(z.string(), z.string());

/**
 * All fields but {@link UNPACKED_FIELDS} as one short text. Base64, because scripts reply with
 * text.
 */
export function packFields(all: Readonly<Record<string, string>>): string {
  const packed = Object.entries(all).filter(([name]) => !UNPACKED_FIELDS.includes(name));
  const json = JSON.stringify(Object.fromEntries(packed));
  return deflateRawSync(json, { level: 9, dictionary: DICTIONARY }).toString('base64');
}

/** @param packed '' if nothing was packed */
export function unpackFields(packed: string): Readonly<Record<string, string>> {
  if (packed === '') {
    return {};
  }
  const json = inflateRawSync(Buffer.from(packed, 'base64'), { dictionary: DICTIONARY });
  return fields.parse(JSON.parse(json.toString()));
}
