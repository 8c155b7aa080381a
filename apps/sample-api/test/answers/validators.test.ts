import { afterEach, describe, expect, it } from '@jest/globals';
import { startApi, stopApis } from '../api-fixture.ts';

afterEach(stopApis);

const KENYA = '/country/kenya/status/confirmed';
const MODIFIED = 'Thu, 01 Jan 2026 00:00:00 GMT';

describe('a country', () => {
  it('has an ETag of its figures and a date', async () => {
    const { get } = await startApi();
    const { headers } = await get(KENYA);
    expect(headers.get('etag')).toMatch(/^"[\w-]{16}"$/u);
    expect(headers.get('last-modified')).toBe(MODIFIED);
    const other = await get('/country/peru/status/confirmed');
    expect(other.headers.get('etag')).not.toBe(headers.get('etag'));
  });

  it.each([
    ['its ETag', (etag: string) => ({ 'if-none-match': etag }), 304],
    ['its ETag as a weak one', (etag: string) => ({ 'if-none-match': `"x", W/${etag}` }), 304],
    ['another ETag', () => ({ 'if-none-match': '"x"', 'if-modified-since': MODIFIED }), 200],
    ['its date', () => ({ 'if-modified-since': MODIFIED }), 304],
    ['an earlier date', () => ({ 'if-modified-since': 'Wed, 31 Dec 2025 00:00:00 GMT' }), 200],
    ['a date that is none', () => ({ 'if-modified-since': 'yesterday' }), 200],
  ] as const)('answers a request with %s', async (_, headersOf, status) => {
    const { get } = await startApi();
    const etag = (await get(KENYA)).headers.get('etag') ?? '';
    const answer = await get(KENYA, { headers: headersOf(etag), cache: 'no-store' });
    expect(answer.status).toBe(status);
    expect((await answer.text()).length > 0).toBe(status === 200);
    expect(answer.headers.get('etag')).toBe(etag);
  });

  it('fails as its dials say, whatever is known', async () => {
    const { get } = await startApi();
    const etag = (await get(KENYA)).headers.get('etag') ?? '';
    const answer = await get(`${KENYA}?status=503`, { headers: { 'if-none-match': etag } });
    expect(answer.status).toBe(503);
  });
});
