import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FetchRecord } from '@fetchfleet/crawl';
import { eventually, installLeakGuard, startOrigin } from '@fetchfleet/testing';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { FleetProject } from '../fleet-fixture.ts';

let fleet: FleetProject;
beforeAll(async () => {
  fleet = await FleetProject.create();
  await fleet.worker();
});
afterAll(async () => fleet.remove());
installLeakGuard();

type Answer = (request: IncomingMessage, response: ServerResponse) => void;
type Recorded = FetchRecord & { readonly body?: unknown };

const answers = new Map<string, Answer>();
afterEach(() => {
  answers.clear();
  fleet.origin.forget();
});

/** Answers with a body unless the client has its ETag. */
function tagged(body: string, etag: string, headers: Record<string, string> = {}): Answer {
  return (request, response) => {
    const isKnown = request.headers['if-none-match'] === etag;
    response.writeHead(isKnown ? 304 : 200, { 'content-type': 'text/plain', etag, ...headers });
    response.end(isKnown ? '' : body);
  };
}

function plain(body: string, headers: Record<string, string> = {}): Answer {
  return (_request, response) => void response.writeHead(200, headers).end(body);
}

function serve(own: Readonly<Record<string, Answer>>): void {
  fleet.origin.respond(/^\/item\//u, (request, response) => {
    const id = request.url?.split('/').at(-1) ?? '';
    (answers.get(id) ?? plain('?'))(request, response);
  });
  for (const [id, answer] of Object.entries(own)) {
    answers.set(id, answer);
  }
}

function crawl(name: string, ids: readonly string[], extra = ''): string {
  return [
    `name: ${name}`,
    `url: ${fleet.origin.url}/item/{id}`,
    `params: { id: [${ids.join(', ')}] }`,
    'network: { allowPrivate: true }',
    'politeness: { concurrency: unlimited, robots: ignore }',
    'retry: { attempts: 2, backoff: 10ms }',
    'revalidate: true',
    extra,
  ].join('\n');
}

function language(one: string): string {
  return `headers: { accept-language: ${one} }`;
}

/** Fetches a crawl to its end. @returns its id, and the exported records by parameter */
async function fetched(text: string) {
  const batch = await fleet.enqueue(text);
  await eventually(async () => (await fleet.ledger.state(batch)) === 'finished');
  const records = (await fleet.exported(batch)).records as unknown as readonly Recorded[];
  return { batch, of: (id: string) => records.find(({ params }) => params['id'] === id) };
}

function conditionsOf(id: string): readonly (string | undefined)[] {
  const last = fleet.origin.arrivalsOf(`/item/${id}`).at(-1);
  return [last?.headers['if-none-match'], last?.headers['if-modified-since']].map(String);
}

describe('only what changed', () => {
  it('is fetched, in whatever order, and a third batch refers to the first', async () => {
    const date = 'Thu, 01 Jan 2026 00:00:00 GMT';
    const ids = ['strong', 'weak', 'hash', 'dated', 'changing', 'failing', 'gone'];
    let body = 'one';
    let isFailing = true;
    serve({
      strong: tagged('strong', '"s"'),
      weak: tagged('weak', 'W/"w"', { 'last-modified': date }),
      hash: plain('hash'),
      dated: (request, response) => {
        const isKnown = request.headers['if-modified-since'] === date;
        response.writeHead(isKnown ? 304 : 200, { 'last-modified': date });
        response.end(isKnown ? '' : 'dated');
      },
      changing: (request, response) => tagged(body, `"${body}"`)(request, response),
      failing: (request, response) =>
        isFailing ? void response.writeHead(404).end() : plain('back')(request, response),
    });
    const first = await fetched(crawl('runs', ids));
    body = 'two';
    isFailing = false;
    const second = await fetched(crawl('runs', ['new', ...ids.slice(0, -1).toReversed()]));
    for (const [id, status] of Object.entries({ strong: 304, weak: 304, hash: 200, dated: 304 })) {
      const unchanged = { batch: first.batch, index: ids.indexOf(id) };
      expect(second.of(id)).toMatchObject({ outcome: 'ok', status, unchanged, body: id });
    }
    expect(conditionsOf('weak')).toEqual(['W/"w"', date]);
    for (const [id, content] of Object.entries({ changing: 'two', failing: 'back', new: '?' })) {
      expect(second.of(id)).toMatchObject({ outcome: 'ok', status: 200, body: content });
      expect(second.of(id)).not.toHaveProperty('unchanged');
    }
    expect(conditionsOf('failing')).toEqual(['undefined', 'undefined']);
    const third = await fetched(crawl('runs', ids));
    expect(third.of('strong')?.unchanged).toEqual({ batch: first.batch, index: 0 });
    expect(third.of('changing')?.unchanged?.batch).toBe(second.batch);

    const { document: counts } = await fleet.json('diff', second.batch);
    expect(counts).toMatchObject({
      older: first.batch,
      newer: second.batch,
      added: 1,
      changed: 1,
      removed: 1,
      unchanged: 4,
      failed: 1,
    });
    const { stdout } = await fleet.project.call([
      'diff',
      third.batch,
      first.batch,
      '--list',
      'changed',
    ]);
    expect(stdout).toBe(`changed 4 ${fleet.origin.url}/item/changing\n`);
    const changed = await fleet.project.call([
      'export',
      third.batch,
      '--changed',
      '--fields',
      'index',
    ]);
    expect(changed.stdout).toBe('{"index":6}\n');
    const { document: pruned } = await fleet.json('prune', '--older-than', '0s', '--dry-run');
    expect(pruned).toMatchObject({ kept: [] });
    const verified = await fleet.json('verify', third.batch);
    expect(verified).toMatchObject({ code: 0, document: { unchanged: 6, missingBodies: [] } });
  });

  it('is not what Vary tells apart, and Vary: * never is', async () => {
    serve({
      vary: (request, response) =>
        tagged(String(request.headers['accept-language']), '"v"', { vary: 'Accept-Language' })(
          request,
          response,
        ),
      star: tagged('star', '"x"', { vary: '*' }),
    });
    await fetched(crawl('vary', ['vary', 'star'], language('de')));
    const same = await fetched(crawl('vary', ['vary', 'star'], language('de')));
    expect(same.of('vary')?.status).toBe(304);
    // Nobody may ask with its ETag; the body tells.
    expect(conditionsOf('star')).toEqual(['undefined', 'undefined']);
    expect(same.of('star')).toMatchObject({ status: 200, unchanged: { index: 1 }, body: 'star' });
    const other = await fetched(crawl('vary', ['vary', 'star'], language('fr')));
    expect(other.of('vary')).toMatchObject({ status: 200, body: 'fr' });
  });

  it('does not depend on what an origin claims', async () => {
    let body = 'one';
    let status = 200;
    const lying: Answer = (_request, response) =>
      void response.writeHead(status, { etag: '"always"' }).end(status === 304 ? '' : body);
    const asked: Answer = (request, response) => {
      const isAsked = request.headers['if-none-match'] !== undefined;
      response.writeHead(isAsked ? 304 : 200, { etag: isAsked ? '"other"' : '"mine"' });
      response.end(isAsked ? '' : body);
    };
    serve({ lying, asked });
    await fetched(crawl('liar', ['lying', 'asked']));
    body = 'two';
    const second = await fetched(crawl('liar', ['lying', 'asked']));
    // The same ETag, another body.
    expect(second.of('lying')).toMatchObject({ status: 200, body: 'two' });
    expect(second.of('lying')).not.toHaveProperty('unchanged');
    // A 304 for another ETag: it is asked again without a condition.
    expect(second.of('asked')).toMatchObject({ status: 200, body: 'two', attempts: 2 });
    status = 304;
    const fresh = await fetched(crawl('unasked', ['lying']));
    expect(fresh.of('lying')).toMatchObject({
      outcome: 'unexpected',
      status: 304,
      error: { code: 'NOT_MODIFIED_UNASKED' },
    });
  });

  it('sends no conditions to the origin that a redirect leads to', async () => {
    const target = await startOrigin();
    target.respond('/end', { headers: { etag: '"t"' }, body: 'there' });
    try {
      serve({
        away: (_request, response) =>
          void response.writeHead(302, { location: `${target.url}/end` }).end(),
      });
      await fetched(crawl('away', ['away']));
      const second = await fetched(crawl('away', ['away']));
      expect(target.arrivals.at(-1)?.headers).not.toHaveProperty('if-none-match');
      expect(conditionsOf('away')).toEqual(['undefined', 'undefined']);
      expect(second.of('away')).toMatchObject({
        status: 200,
        body: 'there',
        unchanged: { index: 0 },
      });
    } finally {
      await target.stop();
    }
  });

  it('sends no conditions to another URL of its origin that a redirect leads to', async () => {
    const date = 'Thu, 01 Jan 2026 00:00:00 GMT';
    const deployed =
      (body: string): Answer =>
      (request, response) => {
        const isKnown = request.headers['if-modified-since'] === date;
        response.writeHead(isKnown ? 304 : 200, { 'last-modified': date });
        response.end(isKnown ? '' : body);
      };
    let current = 'monday';
    serve({
      today: (_request, response) =>
        void response.writeHead(302, { location: `/item/${current}` }).end(),
      monday: deployed('monday'),
      tuesday: deployed('tuesday'),
    });
    await fetched(crawl('moving', ['today']));
    current = 'tuesday';
    const second = await fetched(crawl('moving', ['today']));
    expect(second.of('today')).toMatchObject({ outcome: 'ok', status: 200, body: 'tuesday' });
    expect(second.of('today')).not.toHaveProperty('unchanged');
  });

  it('is everything where the rules for answers have changed', async () => {
    serve({ one: tagged('{"a":1}', '"j"') });
    await fetched(crawl('rules', ['one']));
    const second = await fetched(crawl('rules', ['one'], 'expect: { has: $.a }'));
    expect(second.of('one')).toMatchObject({ status: 200 });
    expect(conditionsOf('one')).toEqual(['undefined', 'undefined']);
  });

  it('is known to a retry as well', async () => {
    let isFailing = false;
    serve({
      one: (request, response) =>
        isFailing ? void response.writeHead(404).end() : tagged('1', '"1"')(request, response),
    });
    const first = await fetched(crawl('again', ['one']));
    isFailing = true;
    const second = await fetched(crawl('again', ['one']));
    expect(second.of('one')).toMatchObject({ outcome: 'http-error', body: '' });
    isFailing = false;
    await fleet.json('retry', second.batch);
    await eventually(async () => (await fleet.ledger.state(second.batch)) === 'finished');
    const [record] = (await fleet.exported(second.batch)).records;
    expect(record).toMatchObject({ status: 304, unchanged: { batch: first.batch }, body: '1' });
  });

  it('is fetched by a schedule, whose worker compares with what it has itself', async () => {
    serve({ one: tagged('1', '"1"') });
    const { project } = fleet;
    await project.write('planned.yaml', crawl('planned', ['one']));
    const added = ['schedule', 'add', 'planned.yaml', '--cron', '0 0 1 1 *'];
    expect(await project.call(added)).toMatchObject({ code: 0 });
    const batches: string[] = [];
    for (let run = 0; run < 2; run += 1) {
      const { stdout } = await project.call(['schedule', 'run-now', 'planned']);
      const batch = stdout.trim();
      await eventually(async () => (await fleet.ledger.state(batch)) === 'finished');
      batches.push(batch);
    }
    const [first, second = ''] = batches;
    const [record] = (await fleet.exported(second)).records;
    expect(record).toMatchObject({ status: 304, unchanged: { batch: first }, body: '1' });
    await project.call(['schedule', 'remove', 'planned']);
  });
});
