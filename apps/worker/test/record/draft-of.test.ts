import {
  compileRevalidation,
  contentHash,
  encodeDraft,
  type FetchRecord,
  type FetchResponse,
  type KnownAnswer,
  lineText,
} from '@fetchfleet/crawl';
import { describe, expect, it } from '@jest/globals';
import { draftOf, type RecordParts } from '../../src/record/draft-of.ts';

const record: FetchRecord = {
  batch: 'b',
  index: 0,
  params: {},
  url: 'http://a.example/',
  outcome: 'ok',
  status: 200,
  attempts: 1,
  startedAt: '2026-01-01T00:00:00.000Z',
  durationMs: 1,
  bytes: 4,
  worker: 'w-1',
};

const plan = { url: 'http://a.example/', params: [], headers: {}, revalidate: true } as const;

function responseOf(body: Buffer, status = 200): FetchResponse {
  return { kind: 'response', status, headers: {}, body, startedAt: 0, durationMs: 1 };
}

/** The record of a body that is compared with what is known. */
async function recordOf(body: Buffer, known?: KnownAnswer, own: Partial<RecordParts> = {}) {
  const revalidation = compileRevalidation(plan, () => []);
  const comparison = revalidation && {
    revalidation,
    values: [],
    known,
  };
  const parts = { record, response: responseOf(body), keptBody: undefined, comparison, ...own };
  return JSON.parse(lineText(encodeDraft(await draftOf(parts)))) as Record<string, unknown>;
}

const small = Buffer.from('body');
const large = Buffer.alloc(300_000, 'large ');
const at = { batch: 'a', index: 7 };

describe('the draft of a record', () => {
  it.each([
    ['small', small],
    ['large', large],
  ])('has a %s body, or says where it is if that is the known one', async (_, body) => {
    const hash = contentHash(body);
    expect(await recordOf(body)).toMatchObject({ body: body.toString(), validators: { hash } });
    expect(await recordOf(body, { hash: contentHash('other'), at })).not.toHaveProperty(
      'unchanged',
    );
    const unchanged = await recordOf(body, { hash, at });
    expect(unchanged).toMatchObject({ unchanged: at, validators: { hash } });
    expect(unchanged).not.toHaveProperty('body');
  });

  it('has neither where nothing is compared', async () => {
    const plain = await recordOf(small, undefined, { comparison: undefined });
    expect(Object.keys(plain).slice(-2)).toEqual(['bodyEncoding', 'body']);
    expect(plain).not.toHaveProperty('validators');
  });

  it('compares the whole body where a part of it is kept', async () => {
    const keptBody = { kind: 'selected', count: 1, json: '1' } as const;
    const known = { hash: contentHash(small), at };
    expect(await recordOf(small, undefined, { keptBody })).toMatchObject({ body: 1 });
    expect(await recordOf(small, known, { keptBody })).toMatchObject({ unchanged: at });
    expect(await recordOf(large, undefined, { keptBody })).toMatchObject({ body: 1 });
  });

  it('refers to nothing for a 304 of which nothing is known', async () => {
    const response = responseOf(Buffer.alloc(0), 304);
    const unknown = await recordOf(small, undefined, { response });
    expect(unknown).not.toHaveProperty('unchanged');
    expect(unknown).not.toHaveProperty('validators');
  });
});
