/** The origin of the benchmarks without nginx or its echo module. Prints its port. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { BODY_BYTES, bodyOf, FLAKY_SHARE, HUNG, HUNG_BASE_MS, HUNG_MS } from './origin-shapes.ts';

const HUNG_PATH = new RegExp(`^/hung/${HUNG}$`);
const bodies = new Map(BODY_BYTES.map((bytes) => [bytes as number, Buffer.from(bodyOf(bytes))]));
let asked = 0;

function answer({ url = '' }: IncomingMessage, response: ServerResponse): void {
  const [, size = String(BODY_BYTES[0])] = /^\/b(\d+)\//.exec(url) ?? [];
  const body = bodies.get(Number(size)) ?? Buffer.alloc(0);
  asked += 1;
  const isBad = url.startsWith('/flaky/') && asked % (1 / FLAKY_SHARE) === 0;
  const head = { 'content-type': 'application/json', 'content-length': String(body.length) };
  const give = (): void => void response.writeHead(isBad ? 500 : 200, head).end(body);
  const delayMs = delayOf(url);
  if (delayMs === 0) {
    give();
  } else {
    setTimeout(give, delayMs);
  }
}

function delayOf(url: string): number {
  if (url.startsWith('/hung/')) {
    return HUNG_PATH.test(url) ? HUNG_MS : HUNG_BASE_MS;
  }
  return Number(/^\/d(\d+)\//.exec(url)?.[1] ?? 0);
}

const server = createServer({ keepAliveTimeout: 75_000 }, answer);
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the address of a TCP server
  console.log(`listening on ${(server.address() as AddressInfo).port}`);
});
