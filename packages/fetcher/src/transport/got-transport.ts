import {
  type ClientRequest,
  type IncomingMessage,
  request as httpRequest,
  type RequestOptions,
} from 'node:http';
import got, { type Got, type Request } from 'got';
import { PARSER_HEAD_BYTES } from './answer-reader.ts';
import {
  abortConnecting,
  type Agents,
  closeFreeSockets,
  createAgents,
  learnIdleTime,
  limitConnecting,
} from './got-agents.ts';
import { isInHead } from './plain-answers.ts';
import { addHeader } from './repeated-headers.ts';
import { withoutFragment } from './request-target.ts';
import type {
  ConnectOptions,
  RequestMessage,
  ResponseHandler,
  SentRequest,
  Transport,
} from './transport.ts';

const NO_BODY = Buffer.alloc(0);

/** The default transport: got as a stream, without the features that the exchange implements. */
export class GotTransport implements Transport {
  readonly #agents: Agents;
  /** For requests that must have a new connection: keeps none that was used. */
  readonly #newConnections: Agents;
  /** For HEAD: a server may send a body all the same, so nothing follows on its connection. */
  readonly #headConnections: Agents;
  readonly #got: Got;

  constructor(options: ConnectOptions) {
    this.#agents = createAgents(options, { keepsUsed: true });
    this.#newConnections = createAgents(options, { keepsUsed: false });
    this.#headConnections = createAgents({ ...options, isForHead: true }, { keepsUsed: false });
    this.#got = got.extend({
      agent: this.#agents,
      retry: { limit: 0 },
      followRedirect: false,
      throwHttpErrors: false,
      decompress: false,
      maxHeaderSize: PARSER_HEAD_BYTES,
    });
  }

  send(message: RequestMessage, handler: ResponseHandler): SentRequest {
    const { url, method, headers, body, isOnNewConnection, isToProxy = false } = message;
    const { sendWithinMs = Infinity } = message;
    const sendBy = sendWithinMs === Infinity ? Infinity : performance.now() + sendWithinMs;
    if (method === 'GET' && !isToProxy) {
      const options = isOnNewConnection ? { headers, agent: this.#newConnections } : { headers };
      return new GotRequest(this.#got.stream(url, options), handler, sendBy);
    }
    const options = {
      method,
      headers,
      ...(isOnNewConnection && { agent: this.#newConnections }),
      // Without a body got would wait for one to be written.
      ...(method === 'HEAD' && { agent: this.#headConnections }),
      ...(method !== 'HEAD' && method !== 'GET' && { body: body ?? NO_BODY }),
      ...(isToProxy && { request: requestOfProxy }),
    };
    return new GotRequest(this.#got.stream(url, options), handler, sendBy);
  }

  closeIdle(): void {
    for (const { http, https } of [this.#agents, this.#newConnections]) {
      closeFreeSockets(http);
      closeFreeSockets(https);
    }
  }

  async stop(): Promise<void> {
    for (const { http, https } of [this.#agents, this.#newConnections, this.#headConnections]) {
      http.destroy();
      https.destroy();
    }
    return Promise.resolve();
  }
}

/** A request whose first line has the whole URL. */
function requestOfProxy(
  url: URL,
  options: RequestOptions,
  onResponse?: (response: IncomingMessage) => void,
): ClientRequest {
  return httpRequest(url, { ...options, path: withoutFragment(url) }, onResponse);
}

class GotRequest implements SentRequest {
  readonly #stream: Request;
  readonly #handler: ResponseHandler;
  #request: ClientRequest | undefined;
  #isOver = false;

  /** @param sendBy as `performance.now()` */
  constructor(stream: Request, handler: ResponseHandler, sendBy: number) {
    this.#stream = stream;
    this.#handler = handler;
    stream.once('request', (request: ClientRequest) => {
      // Node drops all headers behind the 1,000th, in silence.
      request.maxHeadersCount = 0;
      this.#request = request;
      if (sendBy !== Infinity) {
        limitConnecting(request, { sendBy, onTooLate: () => this.#onTooLate() });
      }
    });
    stream.once('response', (response: IncomingMessage) => {
      this.#onResponse(response);
    });
    stream.on('data', (chunk: Buffer) => {
      if (!this.#isOver) {
        this.#handler.onData(chunk);
      }
    });
    stream.once('end', () => {
      this.#onEnd();
    });
    // Never removed: an error may still follow an abort.
    stream.on('error', (error: Error) => {
      this.#onError(error);
    });
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  get isConnecting(): boolean {
    // Without a request got has not begun; its socket is there when it is connected.
    return this.#request?.socket == null;
  }

  get isInHead(): boolean {
    const socket = this.#request?.socket;
    return socket != null && isInHead(socket);
  }

  abort(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#stream.destroy();
      abortConnecting(this.#request);
    }
  }

  #onResponse(response: IncomingMessage): void {
    learnIdleTime(response);
    if (!this.#isOver) {
      const headers = fromRawHeaders(response.rawHeaders);
      this.#handler.onHeaders(response.statusCode ?? 0, headers, response.headers['set-cookie']);
    }
  }

  #onTooLate(): void {
    const isOver = this.#isOver;
    this.#isOver = true;
    this.#stream.destroy();
    if (!isOver) {
      this.#handler.onTooLate();
    }
  }

  #onEnd(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#handler.onEnd();
    }
  }

  #onError(error: Error): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#handler.onError(error);
    }
  }
}

/** `response.headers` drops some repeated headers and keeps others as lists. */
function fromRawHeaders(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index + 1 < raw.length; index += 2) {
    addHeader(headers, (raw[index] ?? '').toLowerCase(), raw[index + 1] ?? '');
  }
  return headers;
}
