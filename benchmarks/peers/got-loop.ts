import { Agent } from 'node:http';
import got from 'got';
import { inLanes, measured } from './measured.ts';

const http = new Agent({ keepAlive: true });

await measured(async (task, fetches) =>
  inLanes(task, fetches, async (url) => {
    await got(url, { agent: { http }, retry: { limit: 0 } }).text();
  }),
);
http.destroy();
