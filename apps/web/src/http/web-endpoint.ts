import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { toError } from '@fetchfleet/crawl';
import { closeServer, listen } from '@fetchfleet/service';
import { type Answer, errorAnswer, type StreamedAnswer } from './answer.ts';
import { HttpError } from './http-error.ts';
import { SECURITY_HEADERS } from './security-headers.ts';

const TIMEOUTS = {
  headersTimeout: 10_000,
  requestTimeout: 30_000,
  keepAliveTimeout: 15_000,
  connectionsCheckingInterval: 1_000,
  maxHeaderSize: 16 * 1_024,
};
/** As many viewers with several tabs, and a reserve for reverse proxies. */
const MAX_CONNECTIONS = 512;
/** How long open requests have when the server stops. */
const STOP_GRACE_MS = 2_000;
const LEAST_GZIP = 1_024;

const compress = promisify(gzip);

export interface WebEndpointOptions {
  /** 0 takes any free port. */
  readonly port: number;
  readonly host: string;
  handle(request: IncomingMessage): Promise<Answer | StreamedAnswer>;
  /** An error that is no HttpError. The viewer learns nothing of it. */
  readonly onError: (error: Error) => void;
}

/** The HTTP server: limits, and the same headers with every answer. */
export class WebEndpoint {
  readonly #options: WebEndpointOptions;
  #server: Server | undefined;

  constructor(options: WebEndpointOptions) {
    this.#options = options;
  }

  /** @returns the port. @throws SettingsError where the address cannot be used */
  async start(): Promise<number> {
    const server = createServer(TIMEOUTS, (request, response) => {
      void this.#serve(request, response);
    });
    server.maxConnections = MAX_CONNECTIONS;
    server.maxHeadersCount = 64;
    const { port, host } = this.#options;
    const bound = await listen(server, { port, host, setting: '--port (FETCHFLEET_WEB_PORT)' });
    this.#server = server;
    return bound;
  }

  /** Twice is fine. */
  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server !== undefined) {
      await closeServer(server, STOP_GRACE_MS);
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
      response.setHeader(name, value);
    }
    const answer = await this.#answer(request);
    try {
      if ('stream' in answer) {
        await (request.method === 'HEAD' ? response.end() : answer.stream(response));
      } else {
        await send(request, response, answer);
      }
    } catch (error) {
      if (error instanceof HttpError && !response.headersSent) {
        await send(request, response, errorAnswer(error));
        return;
      }
      // Whoever reads does not read on.
      if (!response.destroyed) {
        this.#options.onError(toError(error));
      }
      response.destroy();
    }
  }

  async #answer(request: IncomingMessage): Promise<Answer | StreamedAnswer> {
    try {
      return await this.#options.handle(request);
    } catch (error) {
      if (error instanceof HttpError) {
        return errorAnswer(error);
      }
      this.#options.onError(toError(error));
      return errorAnswer(
        new HttpError(500, 'UNEXPECTED', {
          message: 'an error that the log of the server explains',
        }),
      );
    }
  }
}

async function send(
  request: IncomingMessage,
  response: ServerResponse,
  { status, headers, body, gzip: packed }: Answer,
): Promise<void> {
  const { etag } = headers;
  if (etag !== undefined && request.headers['if-none-match'] === etag) {
    response.writeHead(304, headers).end();
    return;
  }
  const plain = Buffer.from(body);
  const isPackable = acceptsGzip(request) && plain.length >= LEAST_GZIP;
  const isText = /^(?:text|application\/json)/u.test(headers['content-type'] ?? '');
  const small = isPackable ? (packed ?? (isText ? await compress(plain) : undefined)) : undefined;
  const sent = small ?? plain;
  response.writeHead(status, {
    ...headers,
    ...(small !== undefined && { 'content-encoding': 'gzip' }),
    vary: 'accept-encoding',
    'content-length': sent.length,
  });
  response.end(request.method === 'HEAD' ? undefined : sent);
}

function acceptsGzip({ headers }: IncomingMessage): boolean {
  return /\bgzip\b(?!\s*;\s*q=0(?:\.0*)?(?:,|$))/iu.test(headers['accept-encoding'] ?? '');
}
