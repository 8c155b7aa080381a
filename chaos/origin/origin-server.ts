/**
 * Many origins in one process: every address of 127.0.0.0/8 with this port is one. It counts every
 * request, and misbehaves as the parent process says. All times are milliseconds since 1970, by a
 * clock that never goes back.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Behaviour, type Happened, type Order, PAGES } from './origin-messages.ts';

/** On average; some take half as long, some half as long again. */
const LATENCY_MS = 80;
/** These have many requests in flight, which are cut when a worker dies. */
const SLOW_ADDRESSES = '127.0.32.';
const SLOW_LATENCY_MS = 600;
/** `/flaky` fails so many times for each URL. */
const FLAKY_FAILURES = 2;
/** Large bodies are written by a thread of the worker; every batch has one. */
const LARGE_INDEX = '7';
const TICK_MS = 5;
/** A tick that is so late is a stall. */
const STALL_MS = 15;

const behaviours = new Map<string, Behaviour>();
const times = new Map<string, number>();
let happened: Happened = empty();
let requests = 0;

const now = (): number => performance.timeOrigin + performance.now();

function empty(): Happened {
  return { arrivals: [], ends: [], stalls: [] };
}

/** The address that the client has connected to names the origin, whatever it is called. */
function addressOf(socket: Socket): string {
  return (socket.localAddress ?? '').replace('::ffff:', '');
}

function receive(request: IncomingMessage, response: ServerResponse): void {
  const id = requests++;
  const address = addressOf(request.socket);
  const url = request.url ?? '/';
  const behaviour = behaviours.get(address) ?? { mode: 'up' };
  happened.arrivals.push([id, now(), address, url, blockMsOf(behaviour)]);
  let isAnswered = false;
  response.once('finish', () => {
    isAnswered = true;
  });
  response.once('close', () => {
    happened.ends.push([id, now(), isAnswered]);
  });
  response.on('error', () => undefined);
  const latencyMs = address.startsWith(SLOW_ADDRESSES) ? SLOW_LATENCY_MS : LATENCY_MS;
  setTimeout(
    () => answer({ request, response, url, behaviour }),
    latencyMs * (0.5 + Math.random()),
  );
}

function blockMsOf({ mode, retryAfterS = 0 }: Behaviour): number {
  return mode === 'refuse' ? retryAfterS * 1000 : 0;
}

interface Answering {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: string;
  readonly behaviour: Behaviour;
}

function answer({ request, response, url, behaviour }: Answering): void {
  const { mode, status = 500, retryAfterS } = behaviour;
  if (mode === 'hang') {
    return;
  }
  if (mode === 'refuse' || mode === 'fail') {
    const after = retryAfterS === undefined ? {} : { 'retry-after': String(retryAfterS) };
    response.writeHead(status, after).end();
    return;
  }
  const [, kind = '', batch = '', index = ''] = url.split(/[/?]/);
  const host = request.headers.host ?? '';
  if (kind === 'robots.txt' || kind === 'missing') {
    response.writeHead(404).end();
  } else if (kind === 'moved') {
    const to = host.replace(/\.(\d+):/, (_, last: string) => `.${Number(last) === 1 ? 2 : 1}:`);
    response.writeHead(302, { location: `http://${to}/ok/${batch}/${index}` }).end();
  } else if (kind === 'flaky' && countOf(`${host}${url}`) <= FLAKY_FAILURES) {
    response.writeHead(500).end();
  } else if (kind === 'hang' && index === '1') {
    return;
  } else {
    const page = Number(new URL(url, 'http://origin').searchParams.get('page') ?? 1);
    const next = page < (PAGES.get(kind) ?? 1) ? { next: page + 1 } : {};
    response.writeHead(200, { 'content-type': 'application/json' });
    const text = 'x'.repeat(index === LARGE_INDEX && page === 1 ? 300_000 : 300);
    response.end(JSON.stringify({ host, batch, index, page, ...next, text }));
  }
}

function countOf(url: string): number {
  const count = (times.get(url) ?? 0) + 1;
  times.set(url, count);
  return count;
}

/** How late the process was: what arrived meanwhile was seen together. */
function watchStalls(): void {
  let last = now();
  setInterval(() => {
    const at = now();
    if (at - last - TICK_MS > STALL_MS) {
      happened.stalls.push([last, at]);
    }
    last = at;
  }, TICK_MS);
}

const server = createServer({ keepAliveTimeout: 30_000 }, receive);
server.on('connection', (socket) => {
  // It must listen on all addresses to cover all of loopback; it refuses other clients.
  const isForeign = !/^(::ffff:)?127\./.test(socket.remoteAddress ?? '');
  if (isForeign || behaviours.get(addressOf(socket))?.mode === 'down') {
    socket.resetAndDestroy();
  }
});
process.on('message', (order: Order) => {
  if (order.kind === 'behave') {
    behaviours.set(order.address, order.behaviour);
    if (order.behaviour.mode === 'down') {
      server.closeAllConnections();
    }
  } else {
    process.send?.({ kind: 'happened', id: order.id, happened });
    happened = empty();
  }
});
// Ctrl-C reaches all processes; this one ends with its parent, which still asks it.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.once('disconnect', () => process.exit());
server.listen({ port: 0, host: '0.0.0.0', backlog: 4_096 }, () => {
  const address = server.address();
  watchStalls();
  process.send?.({ kind: 'ready', port: typeof address === 'object' ? (address?.port ?? 0) : 0 });
});
