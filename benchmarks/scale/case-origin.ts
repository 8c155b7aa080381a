/**
 * The origins of slopes and of the cases that are compared with the simulation: every address of
 * 127.0.0.0/8 with this port is one. It prints its port. `https` as argument makes it speak TLS.
 *
 * - `/d<ms>/…` is answered after so many milliseconds, and the time of the request is kept.
 * - `/s<bytes>/…` is answered at once, with so many bytes of JSON.
 * - `POST /case` on 127.0.0.1 forgets all requests and takes a fault, as JSON. Its time counts from
 *   the first request.
 * - `GET /case` on 127.0.0.1 returns the times of all requests in ms, in order.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { selfSigned } from '@fetchfleet/testing';
import type { OriginFault } from '../simulation/small-cases.ts';

const BODY = JSON.stringify({ text: 'x'.repeat(200) });
const bodies = new Map<number, string>();

let arrivals: number[] = [];
let fault: OriginFault | undefined;
let startedAt: number | undefined;

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.url === '/case') {
    void control(request, response);
    return;
  }
  const now = performance.now();
  startedAt ??= now;
  const left = secondsLeft(now);
  if (left > 0 && fault?.kind === 'down') {
    request.socket.destroy();
    return;
  }
  if (left > 0) {
    response.writeHead(429, { 'retry-after': String(Math.ceil(left)) }).end();
    return;
  }
  arrivals.push(now);
  const delayMs = Number(/^\/d(\d+)\//.exec(request.url ?? '')?.[1] ?? 0);
  const body = bodyOf(Number(/^\/s(\d+)\//.exec(request.url ?? '')?.[1] ?? 0));
  const head = { 'content-type': 'application/json', 'content-length': String(body.length) };
  const give = (): void => void response.writeHead(200, head).end(body);
  if (delayMs === 0) {
    give();
  } else {
    setTimeout(give, delayMs);
  }
}

/** @param bytes 0 for the usual body */
function bodyOf(bytes: number): string {
  const known = bytes === 0 ? BODY : bodies.get(bytes);
  const body = known ?? JSON.stringify({ text: 'x'.repeat(bytes - BODY.length + 200) });
  bodies.set(bytes, body);
  return body;
}

/** How much longer the fault lasts; 0 without one. */
function secondsLeft(now: number): number {
  if (fault === undefined || startedAt === undefined) {
    return 0;
  }
  const at = (now - startedAt) / 1000 - fault.atSeconds;
  return at < 0 ? 0 : Math.max(0, fault.forSeconds - at);
}

async function control(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method === 'GET') {
    response.end(JSON.stringify(arrivals));
    return;
  }
  const text = await new Response(request).text();
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- from our own program
  fault = (JSON.parse(text) as { fault?: OriginFault }).fault;
  arrivals = [];
  startedAt = undefined;
  response.end();
}

const options = { keepAliveTimeout: 75_000 };
const server =
  process.argv[2] === 'https'
    ? createSecureServer({ ...options, ...selfSigned() }, answer)
    : createServer(options, answer);
// It must listen on all addresses to cover all of loopback; it refuses other clients.
server.on('connection', (socket: Socket) => {
  if (!/^(::ffff:)?127\./.test(socket.remoteAddress ?? '')) {
    socket.destroy();
  }
});
server.listen({ port: 0, host: '0.0.0.0', backlog: 4_096 }, () => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the address of a TCP server
  console.log(`listening on ${(server.address() as AddressInfo).port}`);
});
