import { Agent, request } from 'undici';
import { runConcurrently, measured } from './measured.ts';

/** One connection for all in flight, as in browsers: servers allow 100 streams and more. */
const dispatcher = new Agent({ allowH2: true, connections: 1, pipelining: 100 });

await measured(async (task, fetches) =>
  runConcurrently(task, fetches, async (url) => {
    const { statusCode, body } = await request(url, { dispatcher });
    await body.text();
    if (statusCode !== 200) {
      throw new Error(`${url} answered ${statusCode}`);
    }
  }),
);
await dispatcher.close();
