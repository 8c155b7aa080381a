import { deflateRawSync, gzipSync } from 'node:zlib';
import type { Socket } from 'node:net';
import { eventually, installLeakGuard } from '@fetchfleet/testing';
import { describe, expect, it } from '@jest/globals';
import {
  closeAfterEachTest,
  limits,
  newFetcher,
  requestFor,
  serveRaw,
  TRANSPORTS,
} from '../server.ts';

closeAfterEachTest();
installLeakGuard();

/** Sends a piece again and again for as long as the client reads. */
function flood(socket: Socket, piece: Buffer | string): void {
  const bytes = Buffer.concat(Array.from({ length: 64 }, () => Buffer.from(piece)));
  const send = (): void => {
    while (socket.writable && socket.write(bytes)) {
      // Until the buffer of the socket is full.
    }
  };
  socket.on('drain', send);
  send();
}

const OK = 'HTTP/1.1 200 OK\r\n';
const CHUNKED = `${OK}transfer-encoding: chunked\r\n`;
const EMPTY_MEMBER = gzipSync('');
/** The beginning of a gzip header whose name never ends. */
const LONG_NAME = Buffer.concat([
  Buffer.from('1f8b0808000000000003', 'hex'),
  Buffer.alloc(500, 97),
]);
/** 3 kB that become 3 MB, which become nothing: a frame that decoders skip. */
const INNER_BOMB = gzipSync(
  Buffer.concat([Buffer.from('502a4d18c0c62d00', 'hex'), Buffer.alloc(3_000_000)]),
);

function chunkOf(bytes: Buffer): Buffer {
  return Buffer.concat([
    Buffer.from(`${bytes.length.toString(16)}\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ]);
}

/** What an origin sends without end, and how the fetch ends. */
const FLOODS: Readonly<
  Record<string, readonly [head: string, piece: Buffer | string, code: string]>
> = {
  'blank lines': ['', '\r\n', 'HEADERS_TOO_LARGE'],
  'interim answers': ['', 'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n', 'HEADERS_TOO_LARGE'],
  'extensions of chunks': [`${CHUNKED}\r\n`, `1;${'x'.repeat(9_000)}\r\na\r\n`, 'RESPONSE_INVALID'],
  trailers: [`${CHUNKED}\r\n0\r\n`, `x: ${'y'.repeat(9_000)}\r\n`, 'RESPONSE_INVALID'],
  'empty members': [
    `${CHUNKED}content-encoding: gzip\r\n\r\n`,
    chunkOf(Buffer.concat(Array.from({ length: 50 }, () => EMPTY_MEMBER))),
    'BODY_CORRUPT',
  ],
  'the name of a gzip header': [
    `${CHUNKED}content-encoding: gzip\r\n\r\n${chunkOf(LONG_NAME).toString('latin1')}`,
    chunkOf(Buffer.alloc(500, 97)),
    'BODY_CORRUPT',
  ],
};

describe.each(TRANSPORTS)('an origin that does not end, over %s', (transport) => {
  it.each(Object.keys(FLOODS))('is cut off: %s', async (what) => {
    const [head, piece, code] = FLOODS[what] ?? ['', '', ''];
    const server = await serveRaw((socket) => {
      socket.write(head, 'latin1');
      flood(socket, piece);
    });
    const result = await newFetcher(transport).fetch(
      requestFor(server.url, { limits: limits({ timeoutMs: 60_000 }) }),
    );
    expect(result).toMatchObject({ kind: 'failure', code });
  });

  it('holds up no other fetch by a header that is slow to read', async () => {
    const waiting: Socket[] = [];
    const server = await serveRaw((socket, head) => {
      if (head.startsWith('GET /other')) {
        waiting.push(socket);
      } else {
        socket.write(`${OK}x : a${' '.repeat(120_000)}b\r\ncontent-length: 0\r\n\r\n`);
      }
    });
    const fetcher = newFetcher(transport);
    const other = fetcher.fetch(requestFor(`${server.url}/other`));
    await eventually(() => waiting.length > 0);
    await expect(fetcher.fetch(requestFor(server.url))).resolves.toMatchObject({ status: 200 });
    // It has run out of time if the header took longer than that.
    waiting[0]?.write(`${OK}content-length: 0\r\n\r\n`);
    await expect(other).resolves.toMatchObject({ status: 200 });
  });

  it('cannot hide a large body between two codings', async () => {
    expect(INNER_BOMB.length).toBeLessThan(20_000);
    const server = await serveRaw((socket) => {
      const head = `${OK}content-length: ${INNER_BOMB.length}\r\ncontent-encoding: zstd, gzip\r\n\r\n`;
      socket.write(Buffer.concat([Buffer.from(head), INNER_BOMB]));
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ outcome: 'too-large', code: 'BODY_TOO_LARGE' });
  });

  it('may send a body that grows by its coding', async () => {
    const body = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7_919) % 251));
    const stored = deflateRawSync(body, { level: 0 });
    const server = await serveRaw((socket) => {
      const head = `${OK}content-length: ${stored.length}\r\ncontent-encoding: deflate\r\n\r\n`;
      socket.write(Buffer.concat([Buffer.from(head), stored]));
    });
    const bounds = { limits: limits({ maxBodyBytes: body.length }) };
    const result = await newFetcher(transport).fetch(requestFor(server.url, bounds));
    expect(result).toMatchObject({ kind: 'response', body });
  });

  it.each(['000', '099'])('has no answer with the status %s', async (status) => {
    const server = await serveRaw((socket) => {
      socket.end(`HTTP/1.1 ${status} Odd\r\ncontent-length: 0\r\n\r\n`);
    });
    const result = await newFetcher(transport).fetch(requestFor(server.url));
    expect(result).toMatchObject({ code: 'RESPONSE_INVALID' });
  });

  it('says little in messages, and nothing that a terminal obeys', async () => {
    const coding = `gzip, gzip;\u009b31m${'x'.repeat(9_000)}`.replace('gzip;', 'br,');
    const location = `${'x'.repeat(9_000)}:\u009b31m`;
    const server = await serveRaw((socket, head) => {
      const header = head.startsWith('GET /coding')
        ? `content-encoding: gzip\r\nx: ${coding}`
        : `location: ${location}`;
      const status = head.startsWith('GET /coding') ? '200 OK' : '302 Found';
      socket.write(`HTTP/1.1 ${status}\r\n${header}\r\ncontent-length: 3\r\n\r\nabc`, 'latin1');
    });
    for (const path of ['/coding', '/location']) {
      const result = await newFetcher(transport).fetch(requestFor(server.url + path));
      expect(result.kind === 'failure' && result.message.length).toBeLessThan(350);
      // oxlint-disable-next-line no-control-regex -- matches control characters on purpose
      expect(JSON.stringify(result)).not.toMatch(/[\x7f-\x9f]|\\u00[01]/);
    }
  });
});
