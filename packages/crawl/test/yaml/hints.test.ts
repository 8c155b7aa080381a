import { describe, expect, it } from '@jest/globals';
import { parseCrawlFile } from '../file/judged.ts';

const parse = (lines: string) =>
  parseCrawlFile(`url: http://a.example/{x}\nparams: { x: [1] }\n${lines}`, 'crawl.yaml');

describe('a word of another program', () => {
  it.each([
    ['delay: 200ms', /:3:1 delay: unknown key; write politeness: \{ delay: 200ms \}/],
    ['rate: 5/s', /write politeness: \{ rate: 5\/s \}/],
    ['concurrency: 5', /write politeness: \{ concurrency: 8 \}/],
    ['timeout: 5s', /write limits: \{ timeout: 30s \}/],
    ['proxy: http://a', /write network: \{ proxy: http/],
    ['bearer: x', /bearer: unknown key; write auth: \{ bearer: "\$\{env:NAME\}" \}/],
    ['verify: false', /write network: \{ tls: \{ insecure: true \} \}/],
    ['pagination: link', /write paginate: \{ next: link \}/],
    ['cookies: { a: b }', /write headers: \{ cookie/],
    ['start_urls: [http://a]', /write urls: \{ file: urls\.txt \} or a list/],
    ['query: { a: b }', /a query is part of url:/],
    ['data: a=b', /write body: \{ form/],
    ['json: {}', /write body: \{ json/],
    ['network: { headers: { a: b } }', /network\.headers: unknown key; headers: stands at the/],
    ['limits: { max-retries: 5 }', /limits\.max-retries: unknown key; write retry/],
    ['retry: { columns: [x] }', /write column, or rows: \{ file/],
    ['constructor: 1', /constructor: unknown key; allowed/],
    ['polite: {}', /polite: unknown key; did you mean|polite: unknown key; allowed/],
  ])('gets the one of the crawl file: %s', (lines, problem) => {
    expect(() => parse(lines)).toThrow(problem);
  });

  it.each([
    ['true', 'obey'],
    ['false', 'ignore'],
  ])('is not a value of robots: %s', (word, meant) => {
    expect(() => parse(`politeness: { robots: ${word} }`)).toThrow(
      `"${word}" is not allowed; write robots: ${meant}`,
    );
  });
});

describe('politeness.delay', () => {
  it.each([
    ['200ms', { count: 5, perMs: 1000 }],
    ['1s', { count: 1, perMs: 1000 }],
    ['1.5s', { count: 40, perMs: 60_000 }],
    ['700ms', { count: 1, perMs: 700 }],
    ['1h', { count: 1, perMs: 3_600_000 }],
  ])('%s is a rate', (delay, rate) => {
    expect(parse(`politeness: { delay: ${delay} }`).plan.politeness.rate).toEqual(rate);
  });

  it.each([
    ['delay: 200ms, rate: 5/s', /politeness\.delay: rate and delay say the same/],
    ['delay: 0s', /"0s" is out of range; allowed: 1ms to 1h/],
    ['delay: 5/s', /"5\/s" is not a duration/],
    ['delay: 2h', /"2h" is out of range/],
  ])('is refused with a sentence: %s', (lines, problem) => {
    expect(() => parse(`politeness: { ${lines} }`)).toThrow(problem);
  });
});
