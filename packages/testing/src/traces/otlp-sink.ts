import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { track } from '../resources/registry.ts';
import { type OtlpSpan, spansOfJson, spansOfProtobuf } from './otlp-spans.ts';

/** An endpoint for OpenTelemetry. */
export interface OtlpSink {
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  readonly url: string;
  /** All spans so far, in the order in which they ended. */
  readonly spans: readonly OtlpSpan[];
  /** Headers of the last request. */
  readonly headers: IncomingHttpHeaders;
  readonly requests: number;
  /** From now on it answers this, or nothing at all. @default 200 */
  answer: number | 'silence';
  close(): Promise<void>;
}

/** Takes spans as `http/protobuf` or `http/json`. */
export async function startOtlpSink(): Promise<OtlpSink> {
  const spans: OtlpSpan[] = [];
  let headers: IncomingHttpHeaders = {};
  let requests = 0;
  const take = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests += 1;
    headers = request.headers;
    const sent = await buffer(request);
    if (sink.answer === 'silence') {
      return;
    }
    const isKnown = request.url === '/v1/traces';
    if (sink.answer === 200 && isKnown) {
      const body = headers['content-encoding'] === 'gzip' ? gunzipSync(sent) : sent;
      const isJson = headers['content-type'] === 'application/json';
      spans.push(...(isJson ? spansOfJson(body.toString()) : spansOfProtobuf(body)));
    }
    response.writeHead(isKnown ? sink.answer : 404).end();
  };
  const server = createServer((request, response) => void take(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const stop = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
    });
  };
  track({ what: `OTLP sink on port ${port}`, isOpen: () => server.listening, close: stop });
  const sink: OtlpSink = {
    url: `http://127.0.0.1:${port}`,
    spans,
    get headers() {
      return headers;
    },
    get requests() {
      return requests;
    },
    answer: 200,
    close: stop,
  };
  return sink;
}
