import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { closeAfterEach, eventually, type PrivateRedis, startRedis } from '@fetchfleet/testing';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { aliveWorker, manyBatches, runningBatch, settle } from '../fleet-data.ts';
import { Web } from '../web-fixture.ts';
import { workDuring } from './redis-work.ts';

closeAfterEach();

/** Events of one stream, as they come. */
class Stream {
  readonly events: { readonly event: string; readonly document: Record<string, unknown> }[] = [];
  readonly response: IncomingMessage;
  #rest = '';

  private constructor(response: IncomingMessage) {
    this.response = response;
    response.setEncoding('utf8').on('data', (text: string) => this.#read(text));
    response.on('error', () => undefined);
  }

  static async open(web: Web, view: string): Promise<Stream> {
    const request = get(`${web.origin}/api/events?view=${view}`, { agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return new Stream(response);
  }

  #read(text: string): void {
    const blocks = (this.#rest + text).split('\n\n');
    this.#rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const [, event, data] = /^event: (.*)\ndata: (.*)$/u.exec(block) ?? [];
      if (event !== undefined && data !== undefined) {
        this.events.push({ event, document: JSON.parse(data) });
      }
    }
  }
}

describe('event streams', () => {
  it('send the whole document at once, and again when it has changed', async () => {
    const web = await Web.start();
    await runningBatch(web, 'one', { total: 10, ok: 1, failed: 0 });
    const stream = await Stream.open(web, 'batch:one');
    expect(stream.response.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    });
    await eventually(() => expect(stream.events.length).toBeGreaterThan(0));
    expect(stream.events[0]).toMatchObject({
      event: 'batch',
      document: { batch: { batch: 'one', settled: 1 } },
    });
    await settle(web, 'one', { from: 1, ok: 2, failed: 0 });
    await eventually(() =>
      expect(stream.events.at(-1)?.document).toMatchObject({ batch: { settled: 3 } }),
    );
    stream.response.destroy();
  });

  it('say that Redis does not answer, and go on when it does', async () => {
    const server = await startRedis();
    const web = await Web.start([], server.url);
    await runningBatch(web, 'one', { total: 10, ok: 1, failed: 0 });
    const stream = await Stream.open(web, 'batches');
    await eventually(() => expect(stream.events.at(-1)?.event).toBe('batches'));
    server.freeze();
    await eventually(() => expect(stream.events.at(-1)?.event).toBe('unavailable'));
    expect(stream.events.at(-1)?.document).toMatchObject({ code: 'REDIS_UNREACHABLE' });
    const failures = await web.json('/api/batches/one/failures');
    expect(failures.document.error).toContain('no answer within 5 s');
    server.thaw();
    await eventually(() => expect(stream.events.at(-1)?.event).toBe('batches'));
    stream.response.destroy();
    await web.stop();
    web.redis.disconnect();
    await server.dispose();
  });

  it('are limited for each address, and end with the server', async () => {
    const web = await Web.start();
    const streams = await Promise.all(
      Array.from({ length: 32 }, async () => Stream.open(web, 'workers')),
    );
    expect((await web.ask('/api/events?view=workers')).status).toBe(429);
    const [first] = streams;
    first?.response.destroy();
    await eventually(async () => {
      const stream = await Stream.open(web, 'workers');
      expect(stream.response.statusCode).toBe(200);
      stream.response.destroy();
    });
    const ended = Promise.all(streams.slice(1).map(async ({ response }) => once(response, 'end')));
    await Promise.all([ended, web.stop()]);
  });
});

describe('what views cost Redis', () => {
  let server: PrivateRedis;
  let web: Web;

  // A Redis of its own, because the tests count commands.
  beforeEach(async () => {
    server = await startRedis();
    web = await Web.start([], server.url);
  });

  afterEach(async () => {
    await web.stop();
    web.redis.disconnect();
    await server.dispose();
  });

  it('is the same for twenty viewers as for one', async () => {
    await manyBatches(web, { ended: 20, running: 5 });
    await aliveWorker(web);
    const { scripts: cold } = await workDuring(web.redis, async () => web.ask('/api/overview'));
    expect(cold).toBeGreaterThan(5);
    const startedAt = performance.now();
    const streams: Stream[] = [];
    const { scripts } = await workDuring(web.redis, async () => {
      const opened = Array.from({ length: 20 }, async () => Stream.open(web, 'overview'));
      streams.push(...(await Promise.all(opened)));
      await eventually(() => {
        expect(streams.every(({ events }) => events.length > 0)).toBe(true);
      });
    });
    const seconds = (performance.now() - startedAt) / 1_000;
    expect(scripts).toBeLessThan((seconds + 2) * cold);
    for (const { response } of streams) {
      response.destroy();
    }
  });
});
