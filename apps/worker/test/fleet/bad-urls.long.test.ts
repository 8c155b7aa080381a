import type { IncomingMessage, ServerResponse } from 'node:http';
import { closeAfterEach, startOrigin } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import { crawlFile, readRecords, shareFleet } from './fleet-fixture.ts';

closeAfterEach();

const setUp = shareFleet();
let batches = 0;

/** Ways of one URL to fail, and how each is recorded. */
const FAULTS: Readonly<
  Record<string, readonly [code: string, (response: ServerResponse) => void]>
> = {
  '500': ['HTTP_500', (response) => response.writeHead(500).end('no such id')],
  'not HTTP': ['RESPONSE_INVALID', ({ socket }) => socket?.end('nonsense\r\n\r\n')],
  'half a head': ['RESPONSE_INVALID', ({ socket }) => socket?.end('HTTP/1.1 200 OK\r\nContent-Le')],
  'corrupt body': [
    'BODY_CORRUPT',
    (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('no gzip'),
  ],
  'too many headers': [
    'HEADERS_TOO_LARGE',
    ({ socket }) => socket?.end(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(400_000)}\r\n\r\n`),
  ],
  'cut body': [
    'ECONNRESET',
    (response) => {
      response.writeHead(200, { 'content-length': 9 }).write('half');
      setImmediate(() => response.destroy());
    },
  ],
};

const PLACES: Readonly<Record<string, (n: number) => boolean>> = {
  first: (n) => n < 40,
  last: (n) => n >= 60,
  'one in two': (n) => n % 2 === 0,
};

const CASES = Object.keys(FAULTS).flatMap((fault, at) =>
  (at === 0 ? Object.keys(PLACES) : ['first']).map((place) => ({ fault, place })),
);

describe('URLs that fail by themselves', () => {
  it.each(CASES)('cost no other URL anything: $fault, $place', async ({ fault, place }) => {
    const { origin, results, fleet } = await setUp();
    const [code, fail] = FAULTS[fault] ?? ['', () => undefined];
    const isBad = PLACES[place] ?? (() => false);
    origin.respond(/item/, (request: IncomingMessage, response: ServerResponse) => {
      if (isBad(Number(request.url?.split('/').at(-1)))) {
        fail(response);
      } else {
        response.end('good');
      }
    });
    const hasty = { retry: '{ attempts: 2, backoff: 50ms }' };
    const id = `mixed-${batches++}`;
    await fleet.enqueue(id, crawlFile(`${origin.url}/item/{n}`, 100, hasty));
    await fleet.finished(id);
    const records = await readRecords(results, id);
    const wrong = records.filter((record) =>
      isBad(record.index)
        ? record.error?.code !== code || record.attempts !== 2
        : record.outcome !== 'ok' || record.attempts !== 1,
    );
    expect(records).toHaveLength(100);
    expect(wrong.map(({ index, error, attempts }) => ({ index, error, attempts }))).toEqual([]);
  });

  it('end a batch with their own reason when only they are left', async () => {
    const { origin, results, fleet } = await setUp();
    origin.respond(/item/, (request, response) => {
      const isBad = Number(request.url?.split('/').at(-1)) % 50 === 7;
      response.writeHead(isBad ? 500 : 200).end();
    });
    await fleet.enqueue('tail', crawlFile(`${origin.url}/item/{n}`, 600));
    const { outcomes } = await fleet.finished('tail');
    expect(outcomes).toEqual({ ok: 588, 'http-error': 12 });
    const failed = (await readRecords(results, 'tail')).filter(({ outcome }) => outcome !== 'ok');
    expect(new Set(failed.map(({ error }) => error?.code))).toEqual(new Set(['HTTP_500']));
  });
});

describe('an origin that goes down and stays down', () => {
  const impatient = {
    retry: '{ attempts: 20, backoff: 50ms }',
    politeness: '{ concurrency: 4, robots: ignore, patience: 3s }',
  };

  it.each(['directly', 'behind a redirect'])(
    'leaves each fetch with the reason of its own last attempt: %s',
    async (how) => {
      const { origin, results, fleet } = await setUp();
      const gone = await startOrigin();
      await gone.stop();
      origin.respond(/item/, (request, response) => {
        response.writeHead(302, { location: `${gone.url}${request.url}` }).end();
      });
      const { url } = how === 'directly' ? gone : origin;
      const id = `down-${batches++}`;
      await fleet.enqueue(id, crawlFile(`${url}/item/{n}`, 30, impatient));
      await fleet.finished(id);
      const records = await readRecords(results, id);
      const tried = records.filter(({ attempts }) => attempts > 0);
      expect(records).toHaveLength(30);
      expect(tried.length).toBeGreaterThan(3);
      for (const { outcome, error, attempts } of records) {
        expect({ outcome, code: error?.code, message: error?.message }).toEqual({
          outcome: 'network-error',
          code: attempts > 0 ? 'ECONNREFUSED' : 'ORIGIN_UNAVAILABLE',
          message: expect.stringMatching(
            attempts > 0 ? /ECONNREFUSED.*; then .* went on failing/ : /^.*went on failing/,
          ),
        });
      }
    },
  );
});
