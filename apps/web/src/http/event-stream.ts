import type { ServerResponse } from 'node:http';
import { HttpError } from './http-error.ts';
import type { StreamedAnswer } from './answer.ts';

const HEARTBEAT_MS = 15_000;
/** How long a browser waits before it comes back. */
const RETRY_MS = 2_000;

export interface StreamLimits {
  /** Streams of one address. A browser has one for each tab. */
  readonly perAddress: number;
  readonly inAll: number;
}

/** Starts to send; returns what ends it. */
export type Subscribe = (send: (event: string, data: string) => void) => () => void;

/** Server-sent events. A slow reader gets the newest event when it has read the one before. */
export class EventStreams {
  readonly #limits: StreamLimits;
  readonly #open = new Map<ServerResponse, string>();

  constructor(limits: StreamLimits = { perAddress: 32, inAll: 128 }) {
    this.#limits = limits;
  }

  get count(): number {
    return this.#open.size;
  }

  /** @throws HttpError if there are too many */
  open(address: string, subscribe: Subscribe): StreamedAnswer {
    const own = [...this.#open.values()].filter((one) => one === address).length;
    if (own >= this.#limits.perAddress || this.#open.size >= this.#limits.inAll) {
      throw new HttpError(429, 'TOO_MANY_STREAMS', {
        message: 'too many views are open at once: close some',
        headers: { 'retry-after': '10' },
      });
    }
    return { stream: async (response) => this.#stream(response, address, subscribe) };
  }

  /** Ends all streams: browsers come back when there is a server again. */
  stop(): void {
    for (const response of this.#open.keys()) {
      response.end();
    }
  }

  async #stream(response: ServerResponse, address: string, subscribe: Subscribe): Promise<void> {
    this.#open.set(response, address);
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // nginx would hold events back.
      'x-accel-buffering': 'no',
    });
    response.write(`retry: ${RETRY_MS}\n\n`);
    /** What waits for a slow reader: the newest event, which makes those before it out of date. */
    let waiting: string | undefined;
    const write = (text: string): void => {
      if (response.writableNeedDrain) {
        waiting = text;
      } else if (!response.writableEnded) {
        response.write(text);
      }
    };
    response.on('drain', () => {
      if (waiting !== undefined) {
        const text = waiting;
        waiting = undefined;
        write(text);
      }
    });
    const heartbeat = setInterval(() => {
      if (!response.writableNeedDrain && !response.writableEnded) {
        response.write(':\n\n');
      }
    }, HEARTBEAT_MS);
    const { promise: closed, resolve } = Promise.withResolvers<void>();
    response.once('close', resolve);
    const unsubscribe = subscribe((event, data) => write(`event: ${event}\ndata: ${data}\n\n`));
    try {
      await closed;
    } finally {
      unsubscribe();
      clearInterval(heartbeat);
      this.#open.delete(response);
    }
  }
}
