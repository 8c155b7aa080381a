/**
 * Many origins in one process: every address of 127.0.0.0/8 with this port is one. It answers at
 * once and records the time of every request. It prints its port. `GET /arrivals/BLOCK` returns the
 * times for 127.BLOCK.0.0/16.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ReadTimes } from '@fetchfleet/testing';
import type { Arrival } from './gate-arrivals.ts';

const BODY = JSON.stringify({ text: 'x'.repeat(200) });
const HEAD = { 'content-type': 'application/json', 'content-length': String(BODY.length) };
/** By block and host. */
const arrivals = new Map<string, Map<string, Arrival[]>>();

function answer(request: IncomingMessage, response: ServerResponse): void {
  const asked = /^\/arrivals\/(\d+)$/.exec(request.url ?? '')?.[1];
  if (asked !== undefined) {
    response.end(JSON.stringify([...(arrivals.get(asked)?.values() ?? [])]));
    return;
  }
  remember(request);
  response.writeHead(200, HEAD).end(BODY);
}

function remember(request: IncomingMessage): void {
  const host = request.headers.host ?? '';
  const block = host.split('.')[1] ?? '';
  const hosts = arrivals.get(block) ?? new Map<string, Arrival[]>();
  arrivals.set(block, hosts);
  const known = hosts.get(host);
  const { from, at } = readTimes.of(request);
  const arrival: Arrival = [from, at];
  if (known === undefined) {
    hosts.set(host, [arrival]);
  } else {
    known.push(arrival);
  }
}

// Two connections for each of ten thousand origins would be too many.
const server = createServer({ keepAliveTimeout: 3_000 }, answer);
const readTimes = new ReadTimes(server);
// It must listen on all addresses to cover all of loopback; it refuses other clients.
server.on('connection', (socket) => {
  if (!/^(::ffff:)?127\./.test(socket.remoteAddress ?? '')) {
    socket.destroy();
  }
});
server.listen({ port: 0, host: '0.0.0.0', backlog: 4_096 }, () => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the address of a TCP server
  console.log(`listening on ${(server.address() as AddressInfo).port}`);
});
