import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { bodyText, decodeBody } from '@fetchfleet/crawl';
import { Workers } from '@fetchfleet/fleet';
import { closeAfterEach, eventually, startOrigin } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  crawlFile,
  metricsOf,
  partLines,
  PUBLIC_ONLY,
  range,
  readRecords,
  recordedIndexes,
  setUpFleet,
  shareFleet,
} from './fleet-fixture.ts';

closeAfterEach();

describe.each(['got', 'native'])('a worker with %s', (transport) => {
  const setUpShared = shareFleet(['--transport', transport], { FETCHFLEET_SECRET_A: 'a-secret' });

  it('fetches a batch to one record each and leaves the queue empty', async () => {
    const { origin, results, fleet } = await setUpShared();
    const total = await fleet.enqueue('plain', crawlFile(`${origin.url}/echo/{n}`, 300));
    const status = await fleet.finished('plain');

    expect(status).toMatchObject({ total, settled: total, ok: total, failed: 0, results });
    expect(await readRecords(results, 'plain')).toHaveLength(total);
    expect(await recordedIndexes(results, 'plain')).toEqual(range(total));
    await eventually(async () =>
      expect(await fleet.queue.counts()).toEqual({ active: 0, waiting: 0, delayed: 0, failed: 0 }),
    );
  });

  it('keeps every body as it was served', async () => {
    const { origin, results, fleet } = await setUpShared();
    const bodies: readonly [string, Buffer][] = [
      ['application/json', Buffer.from('{"id": 12345678901234567890, "rate": 1.10}')],
      ['application/json', Buffer.from('{\n  "name": "Åland",\r\n  "list": [1,\n 2]\n}\n')],
      ['application/json', Buffer.from('{"broken": ')],
      ['application/json', Buffer.from([0x22, 0xff, 0xfe, 0x22])],
      ['text/plain; charset=utf-8', Buffer.from('日本語\n"quoted"\u2028')],
      ['text/plain', Buffer.from('')],
      ['image/png', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x00, 0xff])],
    ];
    for (const [i, [type, body]] of bodies.entries()) {
      origin.respond(`/body/${i}`, { headers: { 'content-type': type }, body });
    }
    await fleet.enqueue('bodies', crawlFile(`${origin.url}/body/{n}`, bodies.length));
    await fleet.finished('bodies');

    const lines = await partLines(results, 'bodies');
    expect(lines).toHaveLength(bodies.length);
    for (const line of lines) {
      const record = JSON.parse(line);
      const served = bodies[record.index]?.[1] ?? Buffer.alloc(0);
      expect(record).toMatchObject({ outcome: 'ok', bytes: served.length });
      // Embedded JSON is the same text, but for line breaks between tokens.
      const isEmbedded = record.bodyEncoding === undefined;
      const kept = isEmbedded ? bodyText(line) : decodeBody(record);
      expect(kept).toEqual(isEmbedded ? served.toString().replaceAll(/[\r\n]/g, ' ') : served);
    }
  });

  it('retries what may pass, and settles with the outcome what does not', async () => {
    const { origin, results, fleet } = await setUpShared();
    origin.respond('/case/0', { status: 404, body: 'no such country' });
    let failures = 0;
    origin.respond('/case/1', (_, response) => {
      failures += 1;
      response.writeHead(failures < 3 ? 500 : 200).end('at last');
    });
    origin.respond('/case/2', { status: 500 });
    origin.respond('/case/3', { body: 'x'.repeat(5_000) });
    origin.respond('/case/4', { status: 302, headers: { location: '/case/4' } });
    await fleet.enqueue(
      'cases',
      crawlFile(`${origin.url}/case/{n}`, 5, {
        retry: '{ attempts: 3, backoff: 20ms }',
        limits: '{ body: 4KiB, redirects: 2 }',
      }),
    );
    const status = await fleet.finished('cases');

    expect(status.outcomes).toEqual({ ok: 1, 'http-error': 2, 'too-large': 1, 'bad-redirect': 1 });
    const records = (await readRecords(results, 'cases')).toSorted((a, b) => a.index - b.index);
    expect(records).toMatchObject([
      { outcome: 'http-error', status: 404, attempts: 1, body: 'no such country' },
      { outcome: 'ok', status: 200, attempts: 3 },
      { outcome: 'http-error', status: 500, attempts: 3, error: { code: 'HTTP_500' } },
      { outcome: 'too-large', attempts: 1 },
      { outcome: 'bad-redirect', attempts: 1 },
    ]);
  });

  it('sends method, headers and body of a fetch, the same in every attempt', async () => {
    const { origin, results, fleet } = await setUpShared();
    const seen: string[] = [];
    origin.respond(/^\/post\//, async (request, response) => {
      const { method, url, headers } = request;
      const body = await text(request);
      const parts = [method, url, headers['x-n'], headers['idempotency-key'], body].join(' ');
      const isFirst = !seen.includes(parts);
      seen.push(parts);
      response.writeHead(isFirst ? 503 : 200).end();
    });
    await fleet.enqueue(
      'posts',
      crawlFile(`${origin.url}/post/{n}`, 3, {
        headers: '{ x-n: "n{{n}}" }',
        body: '{ json: { n: "{{n|json}}", text: "{{n}}" } }',
        retry: '{ attempts: 3, backoff: 20ms }',
      }),
    );
    expect(await fleet.finished('posts')).toMatchObject({ ok: 3 });
    const expected = range(3).flatMap((n) => {
      const sent = `POST /post/${n} n${n} posts-${n}-1 {"n":${n},"text":"${n}"}`;
      return [sent, sent];
    });
    expect(seen.toSorted()).toEqual(expected);
    const records = await readRecords(results, 'posts');
    expect(records).toMatchObject(range(3).map(() => ({ method: 'POST', attempts: 2 })));
  });

  it('tries answers again that are not as expected, and takes listed statuses as they are', async () => {
    const { origin, results, fleet, worker } = await setUpShared();
    const json = { 'content-type': 'application/json' };
    const failed = '{"data":null,"errors":[{"message":"busy"}]}';
    let answers = 0;
    origin.respond('/expect/0', (_, response) => {
      answers += 1;
      response.writeHead(200, json).end(answers < 3 ? failed : '{"data":[1.10]}');
    });
    origin.respond('/expect/1', { headers: json, body: failed });
    origin.respond('/expect/2', { body: '<html>one moment</html>' });
    origin.respond('/expect/3', { status: 404, body: 'no such country' });
    origin.respond('/expect/4', { status: 204 });
    origin.respond('/expect/5', { status: 503 });
    origin.respond('/expect/6', { status: 500 });
    origin.respond('/expect/7', { status: 418 });
    await fleet.enqueue(
      'expected',
      crawlFile(`${origin.url}/expect/{n}`, 8, {
        expect: '{ status: [200-203, 404, 503], has: $.data, hasNot: "$.errors[0]" }',
        retry: '{ attempts: 3, backoff: 20ms, maxBackoff: 30ms, on: [418] }',
      }),
    );
    const status = await fleet.finished('expected');

    expect(status.outcomes).toEqual({ ok: 3, unexpected: 3, 'http-error': 2 });
    expect(await metricsOf(worker)).toMatch(/^fetchfleet_retries_total\{reason="unexpected"\} 8$/m);
    const records = (await readRecords(results, 'expected')).toSorted((a, b) => a.index - b.index);
    const missing = {
      code: 'EXPECTED_PATH_MISSING',
      message: '$.data is missing or null (expect.has)',
    };
    expect(records).toMatchObject([
      { outcome: 'ok', attempts: 3 },
      { outcome: 'unexpected', status: 200, attempts: 3, error: missing, body: { data: null } },
      { outcome: 'unexpected', attempts: 3, error: { code: 'EXPECTED_JSON' } },
      { outcome: 'ok', status: 404, attempts: 1, body: 'no such country' },
      { outcome: 'unexpected', status: 204, attempts: 3, error: { code: 'UNEXPECTED_STATUS' } },
      { outcome: 'ok', status: 503, attempts: 1 },
      { outcome: 'http-error', status: 500, attempts: 1 },
      { outcome: 'http-error', status: 418, attempts: 3 },
    ]);
    expect(records.filter(({ outcome }) => outcome === 'ok').some(({ error }) => error)).toBe(
      false,
    );
  });

  it('sends what auth of a crawl file says', async () => {
    const { origin, fleet } = await setUpShared();
    const secret = '"${env:FETCHFLEET_SECRET_A}"';
    const schemes = { bearer: secret, basic: `{ user: ann, password: ${secret} }` };
    for (const [scheme, value] of Object.entries(schemes)) {
      const auth = `{ ${scheme}: ${value} }`;
      await fleet.enqueue(scheme, crawlFile(`${origin.url}/${scheme}/{n}`, 2, { auth }));
      expect(await fleet.finished(scheme)).toMatchObject({ ok: 2 });
    }
    const sent = origin.arrivals.map(({ headers }) => headers.authorization);
    const basic = `Basic ${btoa('ann:a-secret')}`;
    expect(sent).toEqual(['Bearer a-secret', 'Bearer a-secret', basic, basic]);
  });

  it('records no URL in which an origin repeats a part of a header that is a secret', async () => {
    const { origin, results, fleet } = await setUpShared();
    origin.respond('/session/0', {
      status: 302,
      headers: { location: '/en-GB/x;jsessionid=a-secret' },
    });
    origin.respond('/session/1', { status: 302, headers: { location: '/en-GB/x' } });
    const headers = '{ cookie: "JSESSIONID=${env:FETCHFLEET_SECRET_A}; lang=en-GB" }';
    await fleet.enqueue('session', crawlFile(`${origin.url}/session/{n}`, 2, { headers }));
    await fleet.finished('session');
    const lines = (await partLines(results, 'session')).toSorted((a, b) => indexOf(a) - indexOf(b));
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      { finalUrl: `${origin.url}/…` },
      { finalUrl: `${origin.url}/en-GB/x` },
    ]);
  });

  it('keeps the part of a body and the headers that the crawl file names', async () => {
    const { origin, results, fleet } = await setUpShared();
    const items = `[{"id":9007199254740993,"price":1.10},${'{"id":1},'.repeat(40_000)}{}]`;
    const body = `\ufeff{"next": null, "items": ${items}}`;
    const cookies = ['a=1', 'b=2'];
    origin.respond('/keep/0', {
      headers: { etag: '"x"', 'set-cookie': cookies, 'x-other': 'y' },
      body,
    });
    origin.respond('/keep/1', { headers: { etag: '"y"' }, body: '<html>' });
    origin.respond('/keep/2', { body: '{}' });
    origin.respond('/keep/3', { status: 404, headers: { etag: '"z"' }, body: 'no such list' });
    await fleet.enqueue(
      'kept',
      crawlFile(`${origin.url}/keep/{n}`, 4, { keep: '{ headers: [ETag], select: $.items }' }),
    );
    await fleet.enqueue(
      'lean',
      crawlFile(`${origin.url}/keep/{n}`, 1, { keep: '{ headers: all, body: none }' }),
    );
    await Promise.all([fleet.finished('kept'), fleet.finished('lean')]);

    const lines = (await partLines(results, 'kept')).toSorted((a, b) => indexOf(a) - indexOf(b));
    expect(bodyText(lines[0] ?? '')).toBe(items);
    expect(lines.map((line): unknown => JSON.parse(line))).toMatchObject([
      { headers: { etag: '"x"' }, selected: 1, bytes: Buffer.byteLength(body) },
      { headers: { etag: '"y"' }, bodyEncoding: 'text', body: '<html>' },
      { headers: {}, selected: 0, bytes: 2 },
      { outcome: 'http-error', headers: { etag: '"z"' }, body: 'no such list' },
    ]);
    expect(lines[2]).not.toContain('"body"');
    const [lean = ''] = await partLines(results, 'lean');
    expect(JSON.parse(lean)).toMatchObject({
      headers: { etag: '"x"', 'x-other': 'y' },
      bytes: Buffer.byteLength(body),
    });
    expect(lean).not.toMatch(/"body"|set-cookie/);
    // Exports read from it which columns there are, and of which types.
    const manifest = await readFile(join(results, 'kept', 'batch.json'), 'utf8');
    expect(JSON.parse(manifest)).toMatchObject({ headers: ['etag'], integers: ['n'] });
  });
});

function indexOf(line: string): number {
  const { index }: { readonly index: number } = JSON.parse(line);
  return index;
}

describe('a worker', () => {
  const setUpShared = shareFleet();

  it('waits as long as Retry-After says, with no attempt used', async () => {
    const { origin, results, fleet } = await setUpShared();
    origin.respond('/busy/0', (_, response) => {
      const isFirst = origin.arrivalsOf('/busy/0').length === 1;
      response.writeHead(isFirst ? 429 : 200, { 'retry-after': '2' }).end();
    });
    await fleet.enqueue('busy', crawlFile(`${origin.url}/busy/{n}`, 1));
    await fleet.finished('busy');

    const [first, second] = origin.arrivalsOf('/busy/0');
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThanOrEqual(1_500);
    expect(await readRecords(results, 'busy')).toMatchObject([{ outcome: 'ok', attempts: 1 }]);
  });

  it('obeys robots.txt, which one worker fetches for the whole fleet', async () => {
    const { origin, results, fleet } = await setUpFleet();
    origin.respond('/robots.txt', { body: 'User-agent: fetchfleet\nDisallow: /echo/1\n' });
    const obey = { politeness: '{ robots: obey }' };
    await fleet.enqueue('obedient', crawlFile(`${origin.url}/echo/{n}`, 20, obey));
    await Promise.all([fleet.worker(), fleet.worker()]);
    const status = await fleet.finished('obedient');
    expect(status.outcomes).toEqual({ ok: 9, 'robots-denied': 11 });
    expect(origin.arrivalsOf('/robots.txt')).toHaveLength(1);
    const denied = (await readRecords(results, 'obedient')).filter(({ index }) => index === 1);
    expect(denied).toMatchObject([{ outcome: 'robots-denied', error: { code: 'ROBOTS_DENIED' } }]);
  });

  it('waits for a robots.txt without delaying the fetches of other origins', async () => {
    const { origin: silent, fleet } = await setUpFleet();
    silent.respond('/robots.txt', async () => new Promise(() => undefined));
    const other = await startOrigin();
    const obey = { politeness: '{ robots: obey }' };
    await fleet.enqueue('silent', crawlFile(`${silent.url}/{n}`, 3, obey));
    await fleet.worker();
    await eventually(() => silent.inFlight === 1);
    await fleet.enqueue('other', crawlFile(`${other.url}/{n}`, 3, obey));
    expect(await fleet.finished('other')).toMatchObject({ settled: 3, ok: 3 });
    expect(silent.inFlight).toBe(1);
  });

  it('waits for a robots.txt that answers 5xx or 429, and denies when patience is over', async () => {
    const { origin, fleet } = await setUpShared();
    let answers = 0;
    origin.respond('/robots.txt', (_, response) => {
      answers += 1;
      response.writeHead(answers < 3 ? 503 : answers < 5 ? 429 : 404).end();
    });
    const patient = { politeness: '{ robots: obey }', retry: '{ attempts: 1, backoff: 20ms }' };
    await fleet.enqueue('patient', crawlFile(`${origin.url}/echo/{n}`, 3, patient));
    expect(await fleet.finished('patient')).toMatchObject({ ok: 3 });

    const down = await startOrigin();
    down.respond('/robots.txt', { status: 500 });
    const hasty = {
      politeness: '{ robots: obey, patience: 300ms }',
      retry: '{ attempts: 2, backoff: 20ms }',
    };
    await fleet.enqueue('hasty', crawlFile(`${down.url}/echo/{n}`, 3, hasty));
    expect(await fleet.finished('hasty')).toMatchObject({ outcomes: { 'robots-denied': 3 } });
    expect(down.arrivals).toHaveLength(down.arrivalsOf('/robots.txt').length);
  });

  it('waits for an origin that is down when the batch begins', async () => {
    const { fleet, results } = await setUpShared();
    const gone = await startOrigin();
    const { port, url } = gone;
    await gone.stop();
    const obey = { politeness: '{ robots: obey }', retry: '{ attempts: 1, backoff: 100ms }' };
    await fleet.enqueue('early', crawlFile(`${url}/echo/{n}`, 30, obey));
    await eventually(async () => {
      const stored = await fleet.redis.get(fleet.keys.robots(url));
      expect(JSON.parse(stored ?? '{}')).toMatchObject({ kind: 'wait', isDown: true, tries: 3 });
    });
    await startOrigin({ port });
    expect(await fleet.finished('early')).toMatchObject({ ok: 30 });
    const records = await readRecords(results, 'early');
    expect(new Set(records.map(({ attempts }) => attempts))).toEqual(new Set([1]));
  });

  it.each(['obey', 'ignore'])('ends fetches of a host that does not exist: %s', async (robots) => {
    const { fleet, results } = await setUpShared();
    const own = { politeness: `{ robots: ${robots} }`, retry: '{ attempts: 3, backoff: 100ms }' };
    await fleet.enqueue(`lost-${robots}`, crawlFile('http://nx.invalid/{n}', 40, own));
    expect(await fleet.finished(`lost-${robots}`)).toMatchObject({
      outcomes: { 'network-error': 40 },
    });
    const records = await readRecords(results, `lost-${robots}`);
    const reasons = records.map(({ error, attempts }) => `${error?.code} ${attempts}`);
    expect(new Set(reasons)).toEqual(new Set(['ENOTFOUND 3']));
  });

  it('lets a hung fetch hold one permit and no more', async () => {
    const { origin, fleet } = await setUpFleet();
    origin.respond('/slow/0', () => undefined);
    await fleet.enqueue('hung', crawlFile(`${origin.url}/slow/{n}`, 200), 50);
    await fleet.worker(['--concurrency', '4']);
    await eventually(async () =>
      expect(await fleet.ledger.status('hung')).toMatchObject({ settled: 199 }),
    );
    await fleet.ledger.cancel('hung');
  });

  it('never has more fetches of an origin in flight than its limit, over all workers', async () => {
    const { origin, fleet, results } = await setUpFleet();
    origin.respond(/limited/, { delayMs: 15, body: 'ok' });
    const total = await fleet.enqueue(
      'limited',
      crawlFile(`${origin.url}/limited/{n}`, 300, {
        politeness: '{ concurrency: 5, robots: ignore }',
      }),
    );
    await Promise.all([1, 2, 3].map(async () => fleet.worker(['--concurrency', '20'])));
    await fleet.finished('limited');
    expect(origin.maxInFlight).toBeLessThanOrEqual(5);
    expect(await recordedIndexes(results, 'limited')).toEqual(range(total));
  });

  it('goes on after jobs that are corrupt or not ours', async () => {
    const { origin, fleet, worker } = await setUpShared();
    await fleet.enqueue('good', crawlFile(`${origin.url}/echo/{n}`, 20));
    await fleet.addForeign('foreign-1', { hello: 'world' });
    await fleet.addForeign('foreign-2', {
      batch: 'no-such-batch',
      origin: origin.url,
      ranges: [0, 1],
      columns: ['x'],
    });
    await fleet.addForeign('foreign-3', {
      batch: 'good',
      origin: origin.url,
      ranges: [0, 1],
      columns: [],
    });
    await fleet.finished('good');
    // Nobody could remove a rejected slice of a batch that is not there.
    await worker.waitForLine(/"batch":"no-such-batch".*removing its slices/);
    await eventually(async () => expect(await fleet.queue.counts()).toMatchObject({ failed: 2 }));
    expect(worker.isRunning).toBe(true);
    expect(worker.stderr).toMatch(/foreign-1/);
  });

  it('sends secrets, and writes them nowhere', async () => {
    const { origin, fleet, results } = await setUpFleet();
    // The built-in path would serve the header back in the body.
    const echo = { authorization: 'Bearer hush-hush-1', 'x-other': 'y' };
    const types = { 'content-type': 'text/plain; k=Hush-Hush-1' };
    origin.respond(/echo/, { headers: { ...echo, ...types }, body: 'ok' });
    const locations = [
      'http://Hush-Hush-1.invalid/',
      'Hush-Hush-1:x',
      'http://a@hush-hush-1.invalid/',
    ];
    for (const [i, location] of locations.entries()) {
      origin.respond(`/echo/${i + 3}`, { status: 302, headers: { ...echo, location } });
    }
    await fleet.enqueue(
      'secret',
      crawlFile(`${origin.url}/echo/{n}`, 6, {
        headers: '{ authorization: "Bearer ${env:TEST_TOKEN}" }',
        keep: '{ headers: all }',
        retry: '{ attempts: 1 }',
      }),
    );
    const worker = await fleet.worker(['--secrets', 'TEST_*'], { TEST_TOKEN: 'hush-hush-1' });
    await fleet.finished('secret');
    expect(origin.arrivals.map(({ headers }) => headers.authorization)).toEqual(
      Array(6).fill('Bearer hush-hush-1'),
    );
    // The crawl of a finished batch is compressed: the ledger reads it.
    const crawl = JSON.stringify(await fleet.ledger.crawl('secret'));
    const everything = `${await fleet.dump()}\n${crawl}`;
    expect(everything).toMatch(/env:TEST_TOKEN/);
    expect(everything).not.toMatch(/hush-hush/i);
    expect(worker.stderr).not.toMatch(/hush-hush/i);
    expect(await metricsOf(worker)).not.toMatch(/hush-hush/i);
    const lines = await partLines(results, 'secret');
    expect(lines).toHaveLength(6);
    expect(lines.join('\n')).not.toMatch(/hush-hush/i);
    expect(lines[0]).toContain('"x-other":"y"');
  });

  it('puts slices back when it may not send a secret, and status names the variable', async () => {
    const { origin, fleet } = await setUpFleet();
    await fleet.enqueue(
      'lacking',
      crawlFile(`${origin.url}/echo/{n}`, 2, { headers: '{ x-key: "${env:UNTOLD}" }' }),
    );
    const env = { UNTOLD: 'found' };
    const worker = await fleet.worker([], env);
    await worker.waitForLine(/may not send UNTOLD: to allow it, add it to --secrets/);
    expect(await fleet.ledger.status('lacking')).toMatchObject({
      missingSecrets: ['UNTOLD'],
      settled: 0,
    });
    const register = new Workers(fleet.redis, fleet.keys);
    expect(await register.list()).toMatchObject([{ secrets: ['FETCHFLEET_SECRET_*'] }]);
    expect(origin.arrivals).toHaveLength(0);
    await fleet.worker(['--secrets', `UNTOLD@${origin.url}`], env);
    await worker.kill('SIGTERM');
    expect(await fleet.finished('lacking')).toMatchObject({ ok: 2 });
  });

  it('keeps within limits of its own, whatever a crawl asks for', async () => {
    const { origin, fleet, results } = await setUpFleet();
    origin.respond('/case/0', { body: 'x'.repeat(5_000) });
    await fleet.enqueue('greedy', crawlFile(`${origin.url}/case/{n}`, 1));
    const worker = await fleet.worker(['--max-body', '4KiB']);
    expect(await fleet.finished('greedy')).toMatchObject({ outcomes: { 'too-large': 1 } });
    const [record] = await readRecords(results, 'greedy');
    expect(record?.error?.message).toContain('larger than 4096 bytes');
    expect(worker.stderr).toMatch(/"bytes":4096.*"limits\.body exceeds --max-body, clamped"/);
  });

  it.each([
    { what: 'a day', delay: '86400', obeyedMs: 100 },
    { what: 'more than a number can be', delay: '9'.repeat(400), obeyedMs: 100 },
    { what: 'what is no number', delay: '1e400', obeyedMs: 0 },
  ])('waits no longer than it may where robots.txt asks for $what', async ({ delay, obeyedMs }) => {
    const { origin, fleet } = await setUpFleet();
    origin.respond('/robots.txt', (_, response) => {
      const isFirst = origin.arrivalsOf('/robots.txt').length === 1;
      response.writeHead(isFirst ? 429 : 200, { 'retry-after': '86400' });
      response.end(`User-agent: *\nCrawl-delay: ${delay}\n`);
    });
    const obey = { politeness: '{ robots: obey }', retry: '{ backoff: 20ms }' };
    await fleet.enqueue('slow', crawlFile(`${origin.url}/echo/{n}`, 3, obey));
    const worker = await fleet.worker(['--max-retry-after', '100ms']);
    expect(await fleet.finished('slow')).toMatchObject({ ok: 3 });
    expect(worker.stderr).not.toContain('internal error');
    const between = await fleet.redis.hget(fleet.keys.gate(origin.url), 'crawlDelay');
    expect(Number(between) / 1_000).toBe(obeyedMs);
  });

  it('refuses private addresses unless it may open them itself', async () => {
    const { origin, fleet, results } = await setUpFleet();
    await fleet.enqueue('guarded', crawlFile(`${origin.url}/echo/{n}`, 2));
    await fleet.worker([PUBLIC_ONLY]);
    expect(await fleet.finished('guarded')).toMatchObject({ outcomes: { 'address-refused': 2 } });
    expect(origin.arrivals).toHaveLength(0);
    expect(await readRecords(results, 'guarded')).toMatchObject([
      { error: { code: 'ADDRESS_REFUSED' } },
      { error: { code: 'ADDRESS_REFUSED' } },
    ]);
  });

  it('serves metrics that agree with the ledger, and its health', async () => {
    const { origin, fleet } = await setUpFleet();
    await fleet.enqueue('metered', crawlFile(`${origin.url}/echo/{n}`, 40));
    const worker = await fleet.worker();
    await fleet.finished('metered');
    const page = await metricsOf(worker);
    const [, port] = await worker.waitForLine(/"metricsPort":(\d+)/);
    const get = async (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
    const counted = new RegExp(
      `^fetchfleet_fetches_total\\{outcome="ok",origin="${origin.url}"\\} 40$`,
      'm',
    );
    expect(page).toMatch(counted);
    expect(page).toMatch(/^fetchfleet_queue_slices\{state="waiting"\} 0$/m);
    expect(page).toMatch(/^fetchfleet_records_written_total 40$/m);
    expect((await get('/healthz')).status).toBe(200);
    expect((await get('/readyz')).status).toBe(200);
  });

  it('leaves a folder that can be exported: manifest and parts', async () => {
    const { origin, fleet, results } = await setUpShared();
    await fleet.enqueue('folder', crawlFile(`${origin.url}/echo/{n}`, 5));
    await fleet.finished('folder');
    const manifest = JSON.parse(await readFile(join(results, 'folder', 'batch.json'), 'utf8'));
    expect(manifest).toMatchObject({ batch: 'folder', total: 5, params: ['n'] });
  });
});
