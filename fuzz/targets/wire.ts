import type { Socket } from 'node:net';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import { type FetchResult, OUTCOMES } from '@fetchfleet/crawl';
import { createFetcher, type Fetcher, type FetchRequest } from '@fetchfleet/fetcher';
import * as fc from 'fast-check';
import { bytesNear, bytesOf } from '../mutations.ts';
import { holds, type Target } from '../target.ts';
import { type RawOrigin, startRawOrigin } from './raw-origin.ts';

const MAX_BODY_BYTES = 50_000;
/** So short that most answers without an end do not cost the fuzzing its time. */
const TIMEOUT_MS = 300;
const GOOD = 'the answer to a good request';
/** In answers that follow another one without a request. */
const UNASKED = 'an answer that nobody has asked for';
/** Loopback, but not allowed: nothing may ever arrive there. */
const REFUSED_HOST = '127.0.0.2';
const CODE = /^[A-Z][A-Z0-9_]*$/;

interface Input {
  /** As `bytesNear` gives them. */
  readonly bytes: string;
  /** How many bytes each write has; 0 is all. */
  readonly chunk: number;
  readonly after: 'keep' | 'end' | 'reset';
}

export const wireTargets: readonly Target[] = (['got', 'native'] as const).map((transport) => ({
  name: `wire-${transport}`,
  title: `bytes of answers, read by ${transport}: one result each, and nothing of another answer`,
  cpuMs: 3_000,
  open: async () => {
    const wire = await Wire.start(transport);
    return {
      arbitrary: fc.record<Input>({
        bytes: bytesNear(wire.examples(), PIECES),
        chunk: fc.constantFrom(0, 0, 1, 7, 100),
        after: fc.constantFrom('keep', 'end', 'reset'),
      }),
      check: async (input: Input) => wire.check(input),
      close: async () => wire.stop(),
    };
  },
}));

const PIECES = [
  'HTTP/1.1 200 OK\r\n',
  'HTTP/1.0 200 OK\r\n',
  'HTTP/1.1 101 Switching Protocols\r\n',
  'HTTP/1.1 100 Continue\r\n\r\n',
  'Content-Length: 5\r\n',
  'Content-Length: 99999999999\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Transfer-Encoding: identity, chunked\r\n',
  'Content-Encoding: gzip\r\n',
  'Content-Encoding: br, gzip, deflate\r\n',
  'Connection: close\r\n',
  'Connection: upgrade\r\nUpgrade: h2c\r\n',
  'Set-Cookie: a=b; Domain=example\r\n',
  'X-Long: ',
  '\r\n\r\n',
  '5\r\nhello\r\n',
  'fffffffff\r\n',
  '0\r\n\r\n',
  '0\r\nTrailer: x\r\n\r\n',
  ';ext="',
];

function answerWith(headers: readonly string[], body: string | Buffer): Buffer {
  const head = ['HTTP/1.1 200 OK', ...headers, '', ''].join('\r\n');
  return Buffer.concat([Buffer.from(head), Buffer.from(body)]);
}

/** One transport, an origin that answers with the bytes of the input, and one that is refused. */
class Wire {
  readonly #fetcher: Fetcher;
  #origin: RawOrigin | undefined;
  #refused: RawOrigin | undefined;
  #input: Input = { bytes: '', chunk: 0, after: 'end' };

  private constructor(transport: 'got' | 'native') {
    this.#fetcher = createFetcher({ transport, allowPrivate: true, userAgent: 'fetchfleet-fuzz' });
  }

  static async start(transport: 'got' | 'native'): Promise<Wire> {
    const wire = new Wire(transport);
    wire.#origin = await startRawOrigin((socket, path) => wire.#answer(socket, path));
    wire.#refused = await startRawOrigin((socket) => socket.end(), REFUSED_HOST);
    return wire;
  }

  async stop(): Promise<void> {
    await this.#origin?.stop();
    await this.#fetcher.stop();
    await this.#refused?.stop();
  }

  examples(): Buffer[] {
    const redirect = `Location: ${this.#refused?.url}/x`;
    const chunked = '5;x=y\r\nhello\r\n6\r\n there\r\n0\r\nX-T: 1\r\n\r\n';
    const packed = gzipSync('hello '.repeat(100));
    const bomb = brotliCompressSync(Buffer.alloc(1_000_000));
    return [
      answerWith(['Content-Length: 5', 'Content-Type: text/plain'], 'hello'),
      answerWith(['Transfer-Encoding: chunked'], chunked),
      answerWith(['Content-Encoding: gzip', `Content-Length: ${packed.length}`], packed),
      answerWith(['Content-Encoding: br', `Content-Length: ${bomb.length}`], bomb),
      answerWith(['Content-Length: 0'], answerWith(['Content-Length: 35'], UNASKED)),
      answerWith(['Connection: close'], 'until the end'),
      Buffer.from(`HTTP/1.1 302 Found\r\n${redirect}\r\nContent-Length: 0\r\n\r\n`),
      Buffer.from('HTTP/1.1 301 Moved\r\nLocation: /good\r\nContent-Length: 0\r\n\r\n'),
      Buffer.from('HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n'),
      Buffer.from('HTTP/1.1 429 Too Many\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nno'),
    ];
  }

  async check(input: Input): Promise<void> {
    this.#input = input;
    this.#origin?.paths.splice(0);
    checkResult(await this.#fetcher.fetch(this.#request('/fuzz')));
    // On the same connection, if the answer has left it open.
    const good = await this.#fetcher.fetch(this.#request('/good'));
    checkResult(good);
    if (good.kind === 'response') {
      holds(good.body.toString() === GOOD, 'an answer has its own bytes only', bodyOf(good));
    }
    const paths = this.#origin?.paths ?? [];
    holds(paths.filter((path) => path === '/fuzz').length <= 6, 'nothing is sent again', paths);
    holds(this.#refused?.paths.length === 0, 'nothing reaches an address that is refused');
  }

  #request(path: string): FetchRequest {
    return {
      url: `${this.#origin?.url}${path}`,
      headers: {},
      limits: { timeoutMs: TIMEOUT_MS, maxBodyBytes: MAX_BODY_BYTES, redirects: 5 },
      network: { allowPrivate: false, allow: ['127.0.0.1/32'] },
    };
  }

  #answer(socket: Socket, path: string): void {
    if (path !== '/fuzz') {
      const isGood = path === '/good';
      const body = isGood ? GOOD : 'another path';
      socket.write(answerWith([`Content-Length: ${body.length}`], body));
      return;
    }
    const { chunk, after } = this.#input;
    const bytes = bytesOf(this.#input.bytes);
    // Small writes only as far as a few hundred of them.
    const size = chunk === 0 ? bytes.length : Math.max(chunk, Math.ceil(bytes.length / 300));
    for (let at = 0; at < bytes.length; at += size) {
      socket.write(bytes.subarray(at, at + size));
    }
    if (after === 'end') {
      socket.end();
    } else if (after === 'reset') {
      socket.resetAndDestroy();
    }
  }
}

function checkResult(result: FetchResult): void {
  holds(result.startedAt > 0 && result.durationMs >= 0, 'a result has its times', result);
  if (result.kind === 'response') {
    const { status, headers, body } = result;
    holds(Number.isInteger(status) && status >= 200, 'a status is a final one', status);
    holds(body.length <= MAX_BODY_BYTES, 'a body is within its limit', body.length);
    const names = Object.keys(headers);
    holds(
      names.every((name) => name === name.toLowerCase()),
      'names are in lower case',
      names,
    );
    const isText = Object.values(headers).every((value) => typeof value === 'string');
    holds(isText, 'the value of a header is a text', headers);
    return;
  }
  const { outcome, code, message, bytes } = result;
  holds(OUTCOMES.includes(outcome), 'an outcome is a known one', outcome);
  holds(CODE.test(code), 'a code is for programs', { code, message });
  holds(code !== 'INTERNAL' && message !== '', 'a failure has a message', { code, message });
  holds(bytes >= 0, 'the bytes of a failure are counted', bytes);
}

function bodyOf({ body }: { readonly body: Buffer }): string {
  return body.subarray(0, 500).toString('latin1');
}
