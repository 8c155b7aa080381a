import { closeAfterEach, eventually, startRedis } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { Web } from './web-fixture.ts';

closeAfterEach();

describe('what supervisors ask', () => {
  it('is answered without the token, to any name, at the root', async () => {
    const web = await Web.start(['--token', 'a token of some length', '--base', '/fetchfleet']);
    for (const path of ['/healthz', '/readyz', '/readyz?verbose']) {
      for (const host of ['10.1.2.3:8788', 'web.fetchfleet.svc']) {
        const { status, document } = await web.json(path, { headers: { host } });
        expect([path, status, document]).toEqual([path, 200, { status: 'ok' }]);
      }
    }
    expect((await web.ask('/healthz', { method: 'HEAD' })).text).toBe('');
    expect((await web.ask('/healthz', { method: 'POST' })).status).toBe(405);
  });

  it('is that it is not ready while Redis does not answer, and alive all the same', async () => {
    const redis = await startRedis();
    const web = await Web.start([], redis.url);
    expect((await web.ask('/readyz')).status).toBe(200);
    redis.freeze();
    await eventually(async () => (await web.ask('/readyz')).status === 503);
    const { document } = await web.json('/readyz');
    expect(document).toEqual({ status: 'fail', reason: 'Redis does not answer' });
    expect((await web.ask('/healthz')).status).toBe(200);
    redis.thaw();
    await eventually(async () => (await web.ask('/readyz')).status === 200);
  });
});
