import { Agent, request } from 'undici';
import { runConcurrently, measured } from './measured.ts';

const dispatcher = new Agent({ pipelining: 1, allowH2: false });

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
