import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import { SettingsError, closeServer, listen } from '@fetchfleet/service';
import { type Answer, jsonAnswer, send } from './answer.ts';
import { CountryAnswers } from './country-answers.ts';
import { type Dials, NO_FAULTS, QueryDials } from './dials.ts';
import { type Country, listCountries } from './series.ts';
import { type Stats, Traffic } from './traffic.ts';

/**
 * Longer than clients keep idle connections: the server never closes one just as a client uses it
 * again.
 */
const KEEP_ALIVE_MS = 75_000;

const COUNTRY_PATH = /^\/country\/([^/]+)\/status\/confirmed$/;

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
  const routes = new Routes({ ...NO_FAULTS, ...dials }, limitPerSecond);
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
  readonly #answers: CountryAnswers;
  readonly #pages: ReadonlyMap<string, () => Answer>;
  readonly #traffic = new Traffic();

  constructor(base: Dials, limitPerSecond: number | undefined) {
    const countries = listCountries();
    this.#base = base;
    this.#queryDials = new QueryDials(base);
    this.#answers = new CountryAnswers({ countries, limitPerSecond });
    this.#pages = pagesOf(countries, () => this.stats());
  }

  stats(): Stats {
    return this.#traffic.stats();
  }

  readonly serve = (request: IncomingMessage, response: ServerResponse): void => {
    const url = request.url ?? '/';
    const at = url.indexOf('?');
    const path = at < 0 ? url : url.slice(0, at);
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(response, {
        ...jsonAnswer(405, { error: 'only GET' }),
        headers: { allow: 'GET, HEAD' },
      });
      return;
    }
    const slug = COUNTRY_PATH.exec(path)?.[1];
    if (slug !== undefined) {
      this.#serveCountry(response, { slug, query: at < 0 ? '' : url.slice(at + 1) });
      return;
    }
    const page = this.#pages.get(path);
    send(response, page === undefined ? notFound([...this.#pages.keys()]) : page());
  };

  #serveCountry(response: ServerResponse, { slug, query }: { slug: string; query: string }): void {
    const arrivals = this.#traffic.arrive(Date.now());
    const { answer, delayMs } = this.#answerTo(slug, query, arrivals);
    if (delayMs === 0) {
      this.#finish(response, answer);
      return;
    }
    const abandon = (): void => {
      clearTimeout(timer);
      this.#traffic.leave();
    };
    const timer = setTimeout(() => {
      response.off('close', abandon);
      this.#finish(response, answer);
    }, delayMs);
    response.once('close', abandon);
  }

  #answerTo(slug: string, query: string, arrivals: number): { answer: Answer; delayMs: number } {
    try {
      const dials = query === '' ? this.#base : this.#queryDials.dialsOf(query);
      return this.#answers.answerTo(slug, dials, arrivals);
    } catch (error) {
      if (!(error instanceof SettingsError)) {
        throw error;
      }
      return {
        answer: jsonAnswer(400, { error: 'bad dials', problems: error.problems }),
        delayMs: 0,
      };
    }
  }

  #finish(response: ServerResponse, answer: Answer): void {
    this.#traffic.leave(answer.status);
    send(response, answer);
  }
}

function pagesOf(countries: readonly Country[], stats: () => Stats): Map<string, () => Answer> {
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
  ]);
}

function notFound(pages: readonly string[]): Answer {
  return jsonAnswer(404, {
    error: 'not found',
    paths: ['/country/{slug}/status/confirmed', ...pages],
    note: 'All figures are synthetic.',
  });
}
