import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer, type Server } from 'node:net';
import { setPriority } from 'node:os';
import { ReadTimes } from '@fetchfleet/testing';
import type { Behaviour, Seen } from './politeness-fixture.ts';

/**
 * An origin in a process of its own, so that only its own requests delay the times it records.
 * `PUT /control` sets how it behaves, `GET /control` returns what it has seen. Prints its ports:
 * that of HTTP, and that of TLS, where each new connection takes long. Its argument is a JSON
 * document with the certificate.
 */

/** How long TLS waits with its first answer. */
const HANDSHAKE_MS = 300;

try {
  setPriority(-10);
} catch {
  // Only a privileged user may do this. Without it the recorded times are less exact.
}

const seen: Seen[] = [];
const timesByPath = new Map<string, number>();
let behaviour: Behaviour = { delayMs: 20 };
let inFlight = 0;
let second = { of: 0, count: 0 };

const listener = (request: IncomingMessage, response: ServerResponse): void => {
  const { url = '/' } = request;
  if (url === '/control') {
    void control(request, response);
  } else if (url === '/robots.txt') {
    robots(response);
  } else {
    answer(request, response);
  }
};
const keepAliveTimeout = 60_000;
const server = createServer({ keepAliveTimeout }, listener);
const certificate = JSON.parse(process.argv[2] ?? '{}') as { key: string; cert: string };
const overTls = createTlsServer({ keepAliveTimeout, ...certificate }, listener);
const readTimes = new ReadTimes(server, overTls);
const far = createTcpServer((socket) => {
  socket.on('error', () => undefined);
  setTimeout(() => overTls.emit('connection', socket), HANDSHAKE_MS);
});
const ports = await Promise.all([server, far].map(portOf));
process.stdout.write(`origin on ports ${ports.join(' ')}\n`);

async function portOf(listening: Server): Promise<number> {
  return new Promise((resolve) => {
    listening.listen(0, '127.0.0.1', () => resolve((listening.address() as AddressInfo).port));
  });
}

async function control(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'PUT') {
    let text = '';
    for await (const chunk of request) {
      text += String(chunk);
    }
    behaviour = JSON.parse(text) as Behaviour;
  }
  response.end(JSON.stringify({ now: performance.now(), seen }));
}

function robots(response: ServerResponse): void {
  response.writeHead(behaviour.robots === undefined ? 404 : 200, { 'content-type': 'text/plain' });
  response.end(behaviour.robots);
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  const { url: path = '/' } = request;
  const { from, at } = readTimes.of(request);
  const times = (timesByPath.get(path) ?? 0) + 1;
  timesByPath.set(path, times);
  inFlight += 1;
  response.once('close', () => {
    inFlight -= 1;
  });
  const status = statusOf(path, times);
  seen.push({ at, from, path, status, inFlight });
  setTimeout(() => {
    const { retryAfter } = behaviour;
    const isRefusing = status === 429 || status === 503;
    if (isRefusing && retryAfter !== undefined) {
      response.setHeader('retry-after', retryAfter);
    }
    response.writeHead(status, { 'content-type': 'text/plain' });
    response.end('x');
  }, behaviour.delayMs ?? 0);
}

function statusOf(path: string, times: number): number {
  const { status = 200, refuseAbove, failFirst } = behaviour;
  if (failFirst !== undefined && Number(path.split('/').at(-1)) % failFirst === 0 && times === 1) {
    return 500;
  }
  if (refuseAbove === undefined) {
    return status;
  }
  const now = Math.floor(Date.now() / 1000);
  if (second.of !== now) {
    second = { of: now, count: 0 };
  }
  second.count += 1;
  return second.count > refuseAbove ? 429 : status;
}
