import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  brotliCompressSync,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { FetchResult } from '@fetchfleet/crawl';
import { eventually, installLeakGuard } from '@fetchfleet/testing';
import { readHead } from '../../src/transport/answer-head.ts';
import { closeAfterEachTest, newFetcher, requestFor, serveRaw, TRANSPORTS } from '../server.ts';

closeAfterEachTest();
installLeakGuard();

interface Answer {
  readonly bytes: Buffer;
  /** Whether the origin closes the connection behind it. */
  readonly closes: boolean;
  /** Why an answer is refused that curl reads. */
  readonly refused?: string;
}

const B = '{"ok":true}';
const OK = 'HTTP/1.1 200 OK\r\n';
const LENGTH = `Content-Length: ${B.length}\r\n`;
const CHUNKED = 'Transfer-Encoding: chunked\r\n';
const CHUNKS = `4\r\n{"ok\r\n7\r\n":true}\r\n0\r\n\r\n`;

type Row = readonly [name: string, text: string | Buffer, more?: Partial<Answer>];
const closes = { closes: true };

const FRAMING: readonly Row[] = [
  ['plain', `${OK}${LENGTH}\r\n${B}`],
  ['chunks beside a length', `${OK}${LENGTH}${CHUNKED}\r\n${CHUNKS}`],
  ['chunks before a length', `${OK}${CHUNKED}${LENGTH}\r\n${CHUNKS}`],
  ['chunks beside a wrong length', `${OK}Content-Length: 3000\r\n${CHUNKED}\r\n${CHUNKS}`],
  ['chunks beside a short length', `${OK}Content-Length: 1\r\n${CHUNKED}\r\n${CHUNKS}`],
  ['chunks beside two lengths', `${OK}Content-Length: 1\r\n${LENGTH}${CHUNKED}\r\n${CHUNKS}`],
  ['a length twice', `${OK}${LENGTH}${LENGTH}\r\n${B}`],
  ['a length three times', `${OK}${LENGTH}X: y\r\n${LENGTH}x: z\r\n${LENGTH}\r\n${B}`],
  ['a length twice on a line', `${OK}Content-Length: 11, 11\r\n\r\n${B}`],
  ['a length with zeros', `${OK}Content-Length: 0011\r\n\r\n${B}`],
  ['a length with spaces', `${OK}Content-Length:   11  \r\n\r\n${B}`],
  ['a length with tabs', `${OK}Content-Length:\t11\t\r\n\r\n${B}`],
  ['a length without a space', `${OK}Content-Length:11\r\n\r\n${B}`],
  ['a length in capitals', `${OK}CONTENT-LENGTH: 11\r\n\r\n${B}`],
  [
    'two lengths',
    `${OK}Content-Length: 11\r\nContent-Length: 12\r\n\r\n${B}`,
    { closes: true, refused: 'nobody knows where it ends' },
  ],
  ['a negative length', `${OK}Content-Length: -1\r\n\r\n${B}`, closes],
  ['a length of words', `${OK}Content-Length: eleven\r\n\r\n${B}`, closes],
  [
    'a length with a sign',
    `${OK}Content-Length: +11\r\n\r\n${B}`,
    { closes: true, refused: 'no number' },
  ],
  ['a length that is too long', `${OK}Content-Length: 99\r\n\r\n${B}`, closes],
  ['no length', `${OK}\r\n${B}`, closes],
  ['no length, and close', `${OK}Connection: close\r\n\r\n${B}`, closes],
  ['HTTP/1.0', `HTTP/1.0 200 OK\r\n\r\n${B}`, closes],
  ['HTTP/1.0 with a length', `HTTP/1.0 200 OK\r\n${LENGTH}\r\n${B}`],
  ['HTTP/1.0 with chunks', `HTTP/1.0 200 OK\r\n${CHUNKED}\r\n${CHUNKS}`],
  ['HTTP/1.0 kept alive', `HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n${LENGTH}\r\n${B}`],
  ['identity', `${OK}Transfer-Encoding: identity\r\n${LENGTH}\r\n${B}`],
  ['chunked twice', `${OK}${CHUNKED}${CHUNKED}\r\n${CHUNKS}`],
  ['chunked in capitals', `${OK}TRANSFER-ENCODING:CHUNKED\r\n\r\n${CHUNKS}`],
  ['chunked and identity', `${OK}Transfer-Encoding: identity, chunked\r\n\r\n${CHUNKS}`],
  ['LF only', `${OK}${LENGTH}\r\n${B}`.replaceAll('\r\n', '\n')],
  ['LF only, with chunks', `${OK}${CHUNKED}\r\n`.replaceAll('\r\n', '\n') + CHUNKS],
  ['LF in some lines', `${OK}X-A: b\n${LENGTH}\r\n${B}`],
  ['LF in the last line', `${OK}${LENGTH}\n${B}`],
  ['chunks with LF', `${OK}${CHUNKED}\r\n${CHUNKS.replaceAll('\r\n', '\n')}`],
  ['a space before the colon', `${OK}X-Old : 1\r\n${LENGTH}\r\n${B}`],
  ['a space before the colon of the length', `${OK}Content-Length : 11\r\n\r\n${B}`],
  ['a tab before the colon', `${OK}X-Old\t: 1\r\n${LENGTH}\r\n${B}`],
  ['a folded line', `${OK}X-Long: a\r\n  b\r\n${LENGTH}\r\n${B}`],
  ['a line folded by a tab', `${OK}X-Long: a\r\n\tb\r\n${LENGTH}\r\n${B}`],
  ['a folded line at the end', `${OK}${LENGTH}X-Long: a\r\n b\r\n\r\n${B}`],
  ['a folded content-type', `${OK}Content-Type: text/html;\r\n charset=x\r\n${LENGTH}\r\n${B}`],
  ['a line without a colon', `${OK}what is this\r\n${LENGTH}\r\n${B}`],
  ['a line that begins with a colon', `${OK}: what\r\n${LENGTH}\r\n${B}`],
  ['a name with a space', `${OK}X Y: 1\r\n${LENGTH}\r\n${B}`],
  ['a name with brackets', `${OK}X[0]: 1\r\n${LENGTH}\r\n${B}`],
  ['a name in UTF-8', `${OK}X-\xc3\xab: 1\r\n${LENGTH}\r\n${B}`],
  ['a name of a prototype', `${OK}__proto__: 1\r\nconstructor: 2\r\n${LENGTH}\r\n${B}`],
  ['an empty value', `${OK}X-Empty:\r\n${LENGTH}\r\n${B}`],
  ['a control character', `${OK}X-Bin: a\x01b\x7f\r\n${LENGTH}\r\n${B}`],
  ['a value in UTF-8', `${OK}X-Name: Zo\xc3\xab\r\n${LENGTH}\r\n${B}`],
  ['a CR in a value', `${OK}X-Cr: a\rb\r\n${LENGTH}\r\n${B}`],
  ['a NUL in a value', `${OK}X-Nul: a\0b\r\n${LENGTH}\r\n${B}`, closes],
  ['20 kB of headers', `${OK}X: ${'policy '.repeat(3_000)}\r\n${LENGTH}\r\n${B}`],
  ['90 kB of headers', `${OK}X: ${'y'.repeat(90_000)}\r\n${LENGTH}\r\n${B}`],
  ['1,000 headers', `${OK}${'X: y\r\n'.repeat(1_000)}${LENGTH}\r\n${B}`],
  ['no reason', `HTTP/1.1 200\r\n${LENGTH}\r\n${B}`],
  ['an empty reason', `HTTP/1.1 200 \r\n${LENGTH}\r\n${B}`],
  ['a reason in Latin-1', `HTTP/1.1 200 Tr\xe8s bien\r\n${LENGTH}\r\n${B}`],
  ['a reason in UTF-8', `HTTP/1.1 200 \xe4\xb8\xad\r\n${LENGTH}\r\n${B}`],
  ['two spaces before the status', `HTTP/1.1  200 OK\r\n${LENGTH}\r\n${B}`],
  ['no HTTP', `hello\r\n\r\n${B}`, closes],
  ['HTTP/0.9', B, closes],
  ['nothing', '', closes],
  ['half a head', `${OK}Content-Le`, { closes: true, refused: 'half a head is no answer' }],
];

const CHUNK_ROWS: readonly (readonly [string, string, Partial<Answer>?])[] = [
  ['a padded size', `b  \r\n${B}\r\n0\r\n\r\n`],
  ['a size with zeros', `0000b\r\n${B}\r\n0000\r\n\r\n`],
  ['a size of 14 digits', `0000000000000b\r\n${B}\r\n00000000000000\r\n\r\n`],
  ['a size of 16 digits', `000000000000000b\r\n${B}\r\n0000000000000000\r\n\r\n`],
  ['a size in capitals', `B\r\n${B}\r\n0\r\n\r\n`],
  ['an extension', `b;name=v\r\n${B}\r\n0\r\n\r\n`],
  ['a quoted extension', `b;name="v;w"\r\n${B}\r\n0;x\r\n\r\n`],
  ['a space and an extension', `b ; name = v\r\n${B}\r\n0\r\n\r\n`],
  ['a trailer', `b\r\n${B}\r\n0\r\nX-Trailer: 1\r\n\r\n`],
  ['trailers that lie', `b\r\n${B}\r\n0\r\nContent-Length: 3\r\nTransfer-Encoding: x\r\n\r\n`],
  ['a folded trailer', `b\r\n${B}\r\n0\r\nX-T: 1\r\n 2\r\n\r\n`],
  [
    'many chunks',
    `${B.split('')
      .map((letter) => `1\r\n${letter}\r\n`)
      .join('')}0\r\n\r\n`,
  ],
  ['no chunks', '0\r\n\r\n'],
  ['no last chunk', `b\r\n${B}\r\n`, closes],
  ['half a chunk', `b\r\n{"ok`, closes],
  ['a size that is no number', `xyz\r\n${B}\r\n0\r\n\r\n`, closes],
  ['a negative size', `-b\r\n${B}\r\n0\r\n\r\n`, closes],
  ['a size that overflows', `fffffffffffffffffffff\r\n${B}\r\n0\r\n\r\n`, closes],
  ['a wrong size', `5\r\n${B}\r\n0\r\n\r\n`, closes],
];

const CHUNKED_ROWS = CHUNK_ROWS.map(([name, text, more = {}]): Row => {
  return [`chunks: ${name}`, `${OK}${CHUNKED}\r\n${text}`, more];
});

const STATUSES: readonly Row[] = [
  ...[204, 304].map((status): Row => [
    `${status} with a length and a body`,
    `HTTP/1.1 ${status} X\r\n${LENGTH}\r\n${B}`,
  ]),
  ...[204, 304].map((status): Row => [
    `${status} with chunks`,
    `HTTP/1.1 ${status} X\r\n${CHUNKED}\r\n${CHUNKS}`,
  ]),
  ...[201, 205, 206, 226, 299, 300, 400, 418, 451, 499, 500, 599, 600, 700, 999].map(
    (status): Row => [`${status}`, `HTTP/1.1 ${status} X\r\n${LENGTH}\r\n${B}`],
  ),
  ...[100, 102, 103, 199].map((status): Row => [
    `an interim ${status}`,
    `HTTP/1.1 ${status} X\r\nLink: </a>\r\n\r\n${OK}${LENGTH}\r\n${B}`,
  ]),
  ['many interim answers', `${'HTTP/1.1 103 X\r\n\r\n'.repeat(20)}${OK}${LENGTH}\r\n${B}`],
  ['an interim answer alone', 'HTTP/1.1 103 X\r\n\r\n', closes],
  ['an interim answer with LF', `HTTP/1.1 103 X\nA: b\n\n${OK}${LENGTH}\r\n${B}`],
  ['an unasked 101', `HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n`, closes],
  [
    'an upgrade that is only offered',
    `${OK}Upgrade: h2c\r\nConnection: Upgrade\r\n${LENGTH}\r\n${B}`,
  ],
  ...['HTTP/2 200 OK', 'HTTP/2.0 200 OK', 'HTTP/2 200', 'http/1.1 200 OK', 'Http/1.1 200 OK'].map(
    (line): Row => [line, `${line}\r\n${LENGTH}\r\n${B}`],
  ),
  ...['HTTP/1.1 200OK', 'HTTP/1.1 200-OK', 'HTTP/2 200OK', 'http/1.0 200 OK'].map((line): Row => [
    line,
    `${line}\r\n${LENGTH}\r\n${B}`,
  ]),
  ...['HTTP/1.1 2000 OK', 'HTTP/3 200 OK', 'HTTP/2.5 200 OK', 'HTTP/1 200 OK', 'HTTP 200 OK'].map(
    (line): Row => [line, `${line}\r\n${LENGTH}\r\n${B}`, closes],
  ),
  ['a status of two digits', `HTTP/1.1 20 OK\r\n${LENGTH}\r\n${B}`, closes],
  [
    '401 with odd challenges',
    `HTTP/1.1 401 X\r\nWWW-Authenticate: \r\nWWW-Authenticate: NTLM,,\r\n${LENGTH}\r\n${B}`,
  ],
];

const BEHIND: readonly Row[] = [
  ['bytes behind a length', `${OK}${LENGTH}\r\n${B}more`],
  ['a line end behind a length', `${OK}${LENGTH}\r\n${B}\r\n`],
  ['a second answer behind a length', `${OK}${LENGTH}\r\n${B}${OK}Content-Length: 5\r\n\r\nwrong`],
  ['bytes behind an empty body', `${OK}Content-Length: 0\r\n\r\n${B}`],
  ['bytes behind chunks', `${OK}${CHUNKED}\r\n${CHUNKS}more`],
  [
    'a second answer behind chunks',
    `${OK}${CHUNKED}\r\n${CHUNKS}${OK}Content-Length: 5\r\n\r\nwrong`,
  ],
];

const gzip = gzipSync(B);
const coded = (coding: string, body: Buffer): Buffer => {
  const head = `${OK}Content-Encoding: ${coding}\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Buffer.concat([Buffer.from(head), body]);
};
const ours = { refused: 'the coding is unknown to curl, or it does not check' };

const CODINGS: readonly Row[] = [
  ['gzip', coded('gzip', gzip)],
  ['GZIP', coded('GZIP', gzip)],
  ['x-gzip', coded('x-gzip', gzip)],
  [
    'gzip of several members',
    coded('gzip', Buffer.concat([gzipSync('{"ok"'), gzipSync(':true}')])),
  ],
  ['gzip, then zeros', coded('gzip', Buffer.concat([gzip, Buffer.alloc(32)]))],
  ['gzip twice', coded('gzip, gzip', gzipSync(gzip))],
  ['deflate', coded('deflate', deflateSync(B))],
  ['raw deflate', coded('deflate', deflateRawSync(B))],
  ['br', coded('br', brotliCompressSync(B))],
  ['zstd', coded('zstd', zstdCompressSync(B))],
  ['aws-chunked, gzip', coded('aws-chunked,gzip', gzip)],
  ['identity', coded('identity', Buffer.from(B))],
  ['no coding', coded('', Buffer.from(B))],
  ['an unknown coding', coded('none', Buffer.from(B))],
  ['a charset as a coding', coded('utf-8', Buffer.from(B))],
  ['gzip that is none', coded('gzip', Buffer.from(B))],
  ['br that is none', coded('br', Buffer.from(B))],
  ['half of a gzip', coded('gzip', gzip.subarray(0, 15)), ours],
  ['an empty gzip', coded('gzip', Buffer.alloc(0))],
  [
    'gzip that the connection applied',
    Buffer.concat([
      Buffer.from(`${OK}Transfer-Encoding: gzip, chunked\r\n\r\n${gzip.length.toString(16)}\r\n`),
      gzip,
      Buffer.from('\r\n0\r\n\r\n'),
    ]),
  ],
];

const ANSWERS = new Map<string, Answer>(
  [...FRAMING, ...CHUNKED_ROWS, ...STATUSES, ...BEHIND, ...CODINGS].map(
    ([name, text, more = {}]) => {
      const bytes = typeof text === 'string' ? Buffer.from(text, 'latin1') : text;
      return [name, { bytes, closes: false, ...more }];
    },
  ),
);
const NAMES = [...ANSWERS.keys()];

/**
 * Answers `/3` with an odd answer, in one piece or byte by byte, and `/plain` with a plain one.
 * With `closesAll` it closes the connection behind every answer, so that no client waits for more.
 */
async function serveOdd(isDripping: boolean, closesAll = false): Promise<string> {
  const { url } = await serveRaw((socket, head) => {
    const path = head.split(' ')[1] ?? '';
    const answer = ANSWERS.get(NAMES[Number(path.slice(1))] ?? '');
    const bytes = answer?.bytes ?? Buffer.from(`${OK}Content-Length: 5\r\n\r\nplain`);
    socket.setNoDelay(true);
    // Bytes behind an answer may come when the next request is on its way; nobody can tell then.
    const isSplit =
      isDripping && bytes.length < 500 && !BEHIND.some(([name]) => ANSWERS.get(name) === answer);
    const pieces = isSplit ? [...bytes].map((b) => Buffer.of(b)) : [bytes];
    const write = () => {
      const piece = pieces.shift();
      if (piece !== undefined) {
        socket.write(piece, () => setImmediate(write));
      } else if (closesAll || answer?.closes === true) {
        socket.end();
      }
    };
    write();
  });
  return url;
}

/** What a record is made of. */
function essenceOf(result: FetchResult): unknown {
  if (result.kind === 'failure') {
    return { code: result.code, status: result.status };
  }
  const { status, headers, body } = result;
  return { status, body: body.toString('latin1'), type: headers['content-type'] };
}

interface Judged {
  readonly isRead: boolean;
  readonly status: number;
  readonly body: string;
}

/** What curl makes of an answer. */
async function curl(url: string): Promise<Judged> {
  const options = ['-sS', '--compressed', '--max-time', '20', '-w', '%{stderr}%{http_code}'];
  try {
    const { stdout, stderr } = await promisify(execFile)('curl', [...options, url], {
      encoding: 'latin1',
    });
    return { isRead: true, status: Number(stderr), body: stdout };
  } catch {
    return { isRead: false, status: 0, body: '' };
  }
}

let hasCurl = false;

beforeAll(async () => {
  hasCurl = await promisify(execFile)('curl', ['--version']).then(
    () => true,
    () => false,
  );
});

describe('odd answers', () => {
  it.each([
    ['in one piece', false],
    ['byte by byte', true],
  ])('make the same record over both transports, and end where they end: %s', async (_, drips) => {
    const url = await serveOdd(drips);
    const fetchers = TRANSPORTS.map((transport) => newFetcher(transport));
    const differences: unknown[] = [];
    for (const [at, name] of NAMES.entries()) {
      const essences: unknown[] = [];
      for (const fetcher of fetchers) {
        essences.push(essenceOf(await fetcher.fetch(requestFor(`${url}/${at}`))));
        const next = await fetcher.fetch(requestFor(`${url}/plain`));
        expect([name, essenceOf(next)]).toEqual([name, { status: 200, body: 'plain' }]);
      }
      const [got, native] = essences;
      if (JSON.stringify(got) !== JSON.stringify(native)) {
        differences.push({ name, got, native });
      }
    }
    expect(differences).toEqual([]);
  });

  it('are read wherever curl reads them, as curl reads them', async () => {
    if (!hasCurl) {
      return;
    }
    const url = await serveOdd(false);
    const urlForCurl = await serveOdd(false, true);
    const fetcher = newFetcher('native');
    const differences: unknown[] = [];
    for (const [at, name] of NAMES.entries()) {
      const judged = await curl(`${urlForCurl}/${at}`);
      const result = await fetcher.fetch(requestFor(`${url}/${at}`));
      const expected = { status: judged.status, body: judged.body };
      const isSame =
        result.kind === 'response' &&
        result.status === judged.status &&
        result.body.toString('latin1') === judged.body;
      const isRefused = ANSWERS.get(name)?.refused !== undefined && result.kind === 'failure';
      if (judged.isRead && !isRefused && !isSame) {
        differences.push({ name, curl: expected, ours: essenceOf(result) });
      }
    }
    expect(differences).toEqual([]);
  });

  it.each(TRANSPORTS)(
    'end a connection on which bytes arrive unasked, over %s',
    async (transport) => {
      const server = await serveRaw((socket, head) => {
        const path = head.split(' ')[1] ?? '';
        const answer = `${OK}Content-Length: ${path.length}\r\n\r\n${path}`;
        socket.write(answer, () => setImmediate(() => socket.write(answer)));
      });
      const fetcher = newFetcher(transport);
      for (const path of ['/first', '/second']) {
        const result = await fetcher.fetch(requestFor(`${server.url}${path}`));
        expect(essenceOf(result)).toEqual({ status: 200, body: path });
        await eventually(() => server.sockets.size === 0);
      }
    },
  );

  it('that are plain pass unchanged', () => {
    const head = `${OK}Content-Type: text/html; charset=utf-8\r\n${LENGTH}X-A: b\r\n\r\n`;
    expect(readHead(head)).toMatchObject({ text: head, framing: { kind: 'length' } });
    expect(readHead(`${OK}${CHUNKED}\r\n`)).toMatchObject({ text: `${OK}${CHUNKED}\r\n` });
    for (const [one, another] of [
      [LENGTH, LENGTH],
      [LENGTH, LENGTH.toUpperCase()],
      [CHUNKED, LENGTH.toUpperCase()],
      [LENGTH, CHUNKED.toLowerCase()],
      [CHUNKED.toUpperCase().replace('CHUNKED', 'chunked'), LENGTH],
    ]) {
      const odd = `${OK}${one}${another}\r\n`;
      expect(readHead(odd)).not.toMatchObject({ text: odd });
    }
  });
});
