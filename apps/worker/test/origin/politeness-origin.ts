import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setPriority } from 'node:os';
import type { Behaviour, Seen } from './politeness-fixture.ts';

/**
 * An origin in a process of its own, so that nothing but its own requests delays the times it records.
 * `PUT /control` sets how it behaves, `GET /control` tells what it has seen. Prints its port.
 */

try {
  setPriority(-10);
} catch {
  // Only a privileged user may: then its times are what they are.
}

const seen: Seen[] = [];
const timesByPath = new Map<string, number>();
let behaviour: Behaviour = { delayMs: 20 };
let inFlight = 0;
let lookedAt = performance.now();
let second = { of: 0, count: 0 };

// What arrives may have come at any time since the process last looked: that is, since it had read all there was, not since its
// timers ran, which after a stall do so before it reads.
setInterval(() => {
  setImmediate(() => {
    lookedAt = performance.now();
  });
}, 2);

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const { url = '/' } = request;
  if (url === '/control') void control(request, response);
  else if (url === '/robots.txt') robots(response);
  else answer(url, response);
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  process.stdout.write(`origin on port ${address.port}\n`);
});

async function control(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'PUT') {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    behaviour = JSON.parse(text) as Behaviour;
  }
  response.end(JSON.stringify({ now: performance.now(), seen }));
}

function robots(response: ServerResponse): void {
  response.writeHead(behaviour.robots === undefined ? 404 : 200, { 'content-type': 'text/plain' });
  response.end(behaviour.robots);
}

function answer(path: string, response: ServerResponse): void {
  const at = performance.now();
  const times = (timesByPath.get(path) ?? 0) + 1;
  timesByPath.set(path, times);
  inFlight += 1;
  response.once('close', () => {
    inFlight -= 1;
  });
  const status = statusOf(path, times);
  seen.push({ at, from: Math.min(lookedAt, at), path, status, inFlight });
  setTimeout(() => {
    const { retryAfter } = behaviour;
    const isRefusing = status === 429 || status === 503;
    if (isRefusing && retryAfter !== undefined) response.setHeader('retry-after', retryAfter);
    response.writeHead(status, { 'content-type': 'text/plain' });
    response.end('x');
  }, behaviour.delayMs ?? 0);
}

function statusOf(path: string, times: number): number {
  const { status = 200, refuseAbove, failFirst } = behaviour;
  if (failFirst !== undefined && Number(path.split('/').at(-1)) % failFirst === 0 && times === 1) {
    return 500;
  }
  if (refuseAbove === undefined) return status;
  const now = Math.floor(Date.now() / 1000);
  if (second.of !== now) second = { of: now, count: 0 };
  second.count += 1;
  return second.count > refuseAbove ? 429 : status;
}
