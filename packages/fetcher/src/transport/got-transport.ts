import type { ClientRequest, IncomingMessage } from 'node:http';

import got, { type Got, type Request } from 'got';

import { createGuardedAgents, isUnansweredReuse } from './guarded-agents.ts';
import type { ConnectOptions, Hop, HopEvents, Transport } from './transport.ts';

/** Errors of a connection that was closed under a request. */
const CLOSED_CODES = new Set(['ECONNRESET', 'EPIPE']);

/** The default transport: got as a stream, with everything switched off that the exchange does itself. */
export class GotTransport implements Transport {
  readonly #agents: ReturnType<typeof createGuardedAgents>;
  readonly #got: Got;

  constructor(options: ConnectOptions) {
    this.#agents = createGuardedAgents(options);
    this.#got = got.extend({
      agent: this.#agents,
      retry: { limit: 0 },
      followRedirect: false,
      throwHttpErrors: false,
      decompress: false,
    });
  }

  send(url: URL, headers: Readonly<Record<string, string>>, events: HopEvents): Hop {
    return new GotHop(this.#got.stream(url, { headers }), events);
  }

  async stop(): Promise<void> {
    this.#agents.http.destroy();
    this.#agents.https.destroy();
    return Promise.resolve();
  }
}

class GotHop implements Hop {
  readonly #stream: Request;
  readonly #events: HopEvents;
  #request: ClientRequest | undefined;
  #over = false;

  constructor(stream: Request, events: HopEvents) {
    this.#stream = stream;
    this.#events = events;
    stream.once('request', (request: ClientRequest) => {
      this.#request = request;
    });
    stream.once('response', (response: IncomingMessage) => {
      this.#onResponse(response);
    });
    stream.on('data', (chunk: Buffer) => {
      if (!this.#over) {
        this.#events.onData(chunk);
      }
    });
    stream.once('end', () => {
      this.#onEnd();
    });
    // Stays attached for good: an error may still follow an abort.
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

  abort(): void {
    if (!this.#over) {
      this.#over = true;
      this.#stream.destroy();
    }
  }

  #onResponse(response: IncomingMessage): void {
    if (!this.#over) {
      this.#events.onHeaders(response.statusCode ?? 0, fromRawHeaders(response.rawHeaders));
    }
  }

  #onEnd(): void {
    if (!this.#over) {
      this.#over = true;
      this.#events.onEnd();
    }
  }

  #onError(error: Error & { code?: string }): void {
    if (this.#over) {
      return;
    }
    this.#over = true;
    const isClosed = CLOSED_CODES.has(error.code ?? '');
    this.#events.onError(error, isClosed && isUnansweredReuse(this.#request));
  }
}

/** `response.headers` would drop some repeated headers and keep others as lists. */
function fromRawHeaders(raw: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase();
    const value = raw[index + 1] ?? '';
    // `hasOwn`: a header may be called "constructor".
    headers[name] = Object.hasOwn(headers, name) ? `${headers[name]}, ${value}` : value;
  }
  return headers;
}
