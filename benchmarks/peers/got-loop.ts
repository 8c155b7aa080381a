import { Agent } from 'node:http';
import got from 'got';
import { runConcurrently, measured } from './measured.ts';

const http = new Agent({ keepAlive: true });

await measured(async (task, fetches) =>
  runConcurrently(task, fetches, async (url) => {
    await got(url, { agent: { http }, retry: { limit: 0 } }).text();
  }),
);
http.destroy();
