import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { SettingsError, closeServer, listen } from '@fetchfleet/service';
import { Api, API_PATHS, COUNTRY_PATH } from './answers/api.ts';
import { CountryAnswers, type DelayedAnswer } from './answers/country-answers.ts';
import { type Country, listCountries } from './answers/series.ts';
import { type Answer, jsonAnswer, send } from './http/answer.ts';
import { MAX_BODY_BYTES, readBody } from './http/asked.ts';
import { DEFAULT_DIALS, type Dials, QueryDials } from './http/dials.ts';
import { Faults } from './http/faults.ts';
import { type Stats, Traffic } from './http/traffic.ts';

/**
 * Longer than clients keep idle connections: the server never closes one just as a client uses it
 * again.
 */
const KEEP_ALIVE_MS = 75_000;

export interface SampleApiOptions extends Partial<Dials> {
  /** @default 0, which takes any that is free */
  readonly port?: number;
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** Requests above this number in a second get a 429. @default no limit */
  readonly limitPerSecond?: number | undefined;
}

export interface SampleApi {
  /** @throws SettingsError where the port cannot be used */
  listen(): Promise<{ readonly port: number; readonly origin: string }>;
  stats(): Stats;
  /** Closes the server; open requests have 1 s to be answered. Stopping twice is fine. */
  stop(): Promise<void>;
}

/** A small country API with invented figures, and dials for latency and faults. */
export function createSampleApi(options: SampleApiOptions = {}): SampleApi {
  const { port = 0, host = '127.0.0.1', limitPerSecond, ...dials } = options;
  const routes = new Routes({ ...DEFAULT_DIALS, ...dials }, limitPerSecond);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, routes.serve);
  return {
    async listen() {
      const bound = await listen(server, { port, host });
      return { port: bound, origin: `http://${host.includes(':') ? `[${host}]` : host}:${bound}` };
    },
    stats: () => routes.stats(),
    stop: () => closeServer(server),
  };
}

class Routes {
  readonly #base: Dials;
  readonly #queryDials: QueryDials;
  readonly #countryAnswers: CountryAnswers;
  readonly #api: Api;
  readonly #pages: ReadonlyMap<string, () => Answer>;
  readonly #traffic = new Traffic();

  constructor(base: Dials, limitPerSecond: number | undefined) {
    const countries = listCountries();
    const faults = new Faults(limitPerSecond);
    this.#base = base;
    this.#queryDials = new QueryDials(base);
    this.#countryAnswers = new CountryAnswers(countries, faults);
    this.#api = new Api({ countries, countryAnswers: this.#countryAnswers, faults });
    this.#pages = pagesOf(countries, () => this.stats(), this.#api.counts);
  }

  stats(): Stats {
    return this.#traffic.stats();
  }

  readonly serve = (request: IncomingMessage, response: ServerResponse): void => {
    const url = request.url ?? '/';
    const at = url.indexOf('?');
    const path = at < 0 ? url : url.slice(0, at);
    const query = at < 0 ? '' : url.slice(at + 1);
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const slug = isRead ? COUNTRY_PATH.exec(path)?.[1] : undefined;
    if (slug !== undefined) {
      // Benchmarks measure with this page.
      this.#answer(response, query, (dials, arrivals) =>
        this.#countryAnswers.answerTo(slug, { dials, headers: request.headers, arrivals }),
      );
      return;
    }
    const page = isRead ? this.#pages.get(path) : undefined;
    if (page !== undefined) {
      send(response, page());
    } else if (this.#api.has(path)) {
      void this.#serveApi(request, response, { path, query });
    } else if (this.#pages.has(path)) {
      const answer = jsonAnswer(405, { error: 'only GET' });
      send(response, { ...answer, headers: { allow: 'GET, HEAD' } });
    } else {
      send(response, notFound([...this.#pages.keys()]));
    }
  };

  async #serveApi(
    request: IncomingMessage,
    response: ServerResponse,
    { path, query }: { readonly path: string; readonly query: string },
  ): Promise<void> {
    const body = await readBody(request);
    if (body === undefined) {
      const error = `the body must have at most ${MAX_BODY_BYTES} bytes`;
      send(response, { ...jsonAnswer(413, { error }), headers: { connection: 'close' } });
      return;
    }
    const { method = 'GET', headers } = request;
    const asked = { method, path, query: new URLSearchParams(query), headers, body };
    this.#answer(response, query, (dials, arrivals) =>
      this.#api.answerTo({ ...asked, dials }, arrivals),
    );
  }

  #answer(
    response: ServerResponse,
    query: string,
    answerTo: (dials: Dials, arrivals: number) => DelayedAnswer,
  ): void {
    const arrivals = this.#traffic.arrive(Date.now());
    const dials = this.#dialsOf(query);
    if (dials instanceof SettingsError) {
      this.#finish(
        response,
        jsonAnswer(400, { error: 'bad dials', problems: dials.problems }),
        this.#base,
      );
      return;
    }
    const { answer, delayMs } = answerTo(dials, arrivals);
    if (delayMs === 0) {
      this.#finish(response, answer, dials);
      return;
    }
    const abandon = (): void => {
      clearTimeout(timer);
      this.#traffic.leave();
    };
    const timer = setTimeout(() => {
      response.off('close', abandon);
      this.#finish(response, answer, dials);
    }, delayMs);
    response.once('close', abandon);
  }

  #dialsOf(query: string): Dials | SettingsError {
    try {
      return query === '' ? this.#base : this.#queryDials.dialsOf(query);
    } catch (error) {
      if (error instanceof SettingsError) {
        return error;
      }
      throw error;
    }
  }

  #finish(response: ServerResponse, answer: Answer, { drip }: Dials): void {
    this.#traffic.leave(answer.status);
    send(response, answer, drip);
  }
}

function pagesOf(
  countries: readonly Country[],
  stats: () => Stats,
  counts: ReadonlyMap<string, () => Answer>,
): Map<string, () => Answer> {
  const list = jsonAnswer(
    200,
    countries.map(({ name, slug, alpha2 }) => ({ Country: name, Slug: slug, ISO2: alpha2 })),
  );
  const robots = { status: 200, contentType: 'text/plain', body: 'User-agent: *\nAllow: /\n' };
  return new Map([
    ['/countries', () => list],
    ['/robots.txt', () => robots],
    ['/healthz', () => jsonAnswer(200, { status: 'ok' })],
    ['/stats', () => jsonAnswer(200, stats())],
    ...counts,
  ]);
}

function notFound(pages: readonly string[]): Answer {
  return jsonAnswer(404, {
    error: 'not found',
    paths: [...new Set([...API_PATHS, ...pages])],
    note: 'All figures are synthetic.',
  });
}
