// HttpCrawler with a queue in memory and a handler that reads the body. Sessions are off, because
// they only help against blocking.
import { parseArgs } from 'node:util';
import { Configuration, HttpCrawler, LogLevel, log } from '@crawlee/http';

log.setLevel(LogLevel.ERROR);
const { values } = parseArgs({
  options: {
    url: { type: 'string' },
    fetches: { type: 'string' },
    'warm-up': { type: 'string', default: '0' },
    concurrency: { type: 'string' },
    redis: { type: 'string' },
  },
});
const concurrency = Number(values.concurrency);

if (Number(values['warm-up']) > 0) {
  await crawl(Number(values['warm-up']));
}
const figures = await crawl(Number(values.fetches));
console.log(JSON.stringify({ ...figures, rssBytes: process.memoryUsage().rss }));

async function crawl(fetches) {
  let seen = 0;
  const crawler = new HttpCrawler(
    {
      minConcurrency: concurrency,
      maxConcurrency: concurrency,
      additionalMimeTypes: ['application/json'],
      maxRequestRetries: 0,
      useSessionPool: false,
      persistCookiesPerSession: false,
      requestHandler: async ({ body }) => {
        if (body.length > 0) {
          seen += 1;
        }
      },
    },
    new Configuration({ persistStorage: false, purgeOnStart: false }),
  );
  const urls = Array.from({ length: fetches }, (_, at) => values.url.replace('{n}', String(at)));
  const cpu = process.cpuUsage();
  const startedAt = performance.now();
  await crawler.run(urls);
  const seconds = (performance.now() - startedAt) / 1000;
  if (seen !== fetches) {
    throw new Error(`${seen} of ${fetches} were fetched`);
  }
  const { user, system } = process.cpuUsage(cpu);
  return { fetches, seconds, cpuMicros: user + system };
}
