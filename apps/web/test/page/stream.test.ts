import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { follow } from '../../page/src/api/stream.ts';

/** The event source of a browser, as far as the page uses it. */
class Source extends EventTarget {
  static readonly all: Source[] = [];
  readonly url: string;
  isClosed = false;

  constructor(url: string) {
    super();
    this.url = url;
    Source.all.push(this);
  }

  close(): void {
    this.isClosed = true;
  }

  send(event: string, document: unknown): void {
    this.dispatchEvent(new MessageEvent(event, { data: JSON.stringify(document) }));
  }

  fail(): void {
    this.dispatchEvent(new Event('error'));
  }
}

const seen: unknown[] = [];
let end: () => void;

/** Questions whether the server is there, and what they get. */
let asked: PromiseWithResolvers<Response>[];

function followed(): void {
  end = follow('batch:b-1', {
    onDocument: (newest) => seen.push(newest),
    onSilence: (reason) => seen.push(reason),
  });
}

const open = (): Source[] => Source.all.filter(({ isClosed }) => !isClosed);
const yes = (): Response => new Response('{}');

describe('an event stream', () => {
  beforeEach(() => {
    jest.useFakeTimers();
    Source.all.length = 0;
    seen.length = 0;
    asked = [];
    Object.assign(globalThis, { EventSource: Source });
    jest.spyOn(globalThis, 'fetch').mockImplementation(async () => {
      const question = Promise.withResolvers<Response>();
      asked.push(question);
      return question.promise;
    });
    followed();
  });

  afterEach(() => {
    end();
    jest.useRealTimers();
    Reflect.deleteProperty(globalThis, 'EventSource');
  });

  it('gives each document of its view', () => {
    open()[0]?.send('batch', { total: 1 });
    open()[0]?.send('batch', { total: 2 });
    expect(open().map(({ url }) => url)).toEqual(['api/events?view=batch:b-1']);
    expect(seen).toEqual([{ total: 1 }, { total: 2 }]);
  });

  it('is opened again when the server answers again', async () => {
    open()[0]?.fail();
    expect(open()).toEqual([]);
    await jest.advanceTimersByTimeAsync(2_000);
    asked[0]?.reject(new TypeError('Failed to fetch'));
    await jest.advanceTimersByTimeAsync(2_000);
    expect(open()).toEqual([]);
    asked[1]?.resolve(yes());
    await jest.advanceTimersByTimeAsync(0);
    expect(open()).toHaveLength(1);
    expect(seen).toEqual(Array(2).fill('The server of this page does not answer'));
  });

  it('is opened again where the server answers with an error', async () => {
    open()[0]?.fail();
    await jest.advanceTimersByTimeAsync(2_000);
    asked[0]?.resolve(new Response('{"error":"no","code":"NO"}', { status: 503 }));
    await jest.advanceTimersByTimeAsync(0);
    expect(open()).toHaveLength(1);
  });

  it('is opened again if it fails while a quiet server is asked', async () => {
    await jest.advanceTimersByTimeAsync(20_000);
    open()[0]?.fail();
    asked[0]?.resolve(yes());
    await jest.advanceTimersByTimeAsync(2_000);
    asked[1]?.resolve(yes());
    await jest.advanceTimersByTimeAsync(0);
    expect(open()).toHaveLength(1);
  });

  it('is lost when a quiet server does not answer', async () => {
    await jest.advanceTimersByTimeAsync(20_000);
    asked[0]?.reject(new TypeError('Failed to fetch'));
    await jest.advanceTimersByTimeAsync(0);
    expect(seen).toEqual(['The server of this page does not answer']);
    expect(open()).toEqual([]);
  });

  it('says why there is nothing new', () => {
    open()[0]?.send('unavailable', { error: 'Redis does not answer', code: 'X' });
    expect(seen).toEqual(['Redis does not answer']);
  });

  it.each([
    ['answers', async () => yes()],
    ['is gone', async () => Promise.reject<Response>(new TypeError('Failed to fetch'))],
  ])('does nothing after its end, also if the server %s late', async (_, answer) => {
    await jest.advanceTimersByTimeAsync(20_000);
    end();
    asked[0]?.resolve(answer());
    await jest.advanceTimersByTimeAsync(60_000);
    expect(seen).toEqual([]);
    expect(open()).toEqual([]);
    expect(Source.all).toHaveLength(1);
    expect(asked).toHaveLength(1);
  });
});
