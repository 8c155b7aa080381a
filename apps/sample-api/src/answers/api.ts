import { type Answer, jsonAnswer } from '../http/answer.ts';
import type { Asked } from '../http/asked.ts';
import { seedOf } from '../http/chance.ts';
import type { Faults } from '../http/faults.ts';
import type { CountryAnswers, DelayedAnswer } from './country-answers.ts';
import { graphqlAnswer, graphqlSubject } from './graphql.ts';
import { itemAnswer } from './items.ts';
import { loginAnswer } from './login.ts';
import { PAGE_STYLES } from './pages.ts';
import { Rows } from './rows.ts';
import type { Country } from './series.ts';
import { Tokens } from './tokens.ts';

export const COUNTRY_PATH = /^\/country\/([^/]+)\/status\/confirmed$/;
const PRIVATE = '/private';
const READ = ['GET', 'HEAD'];

/** Paths for the answer to a path that does not exist. */
export const API_PATHS = [
  '/country/{slug}/status/confirmed',
  ...PAGE_STYLES.keys(),
  '/items/{id}',
  '/rows/{id}',
  '/rows',
  '/graphql',
  '/login',
  '/account',
  '/token',
  '/private/…',
];

interface Route {
  readonly methods: readonly string[];
  answer(asked: Asked, count: number): Answer;
  /** What the draws depend on. @default the method, the path and the page */
  subject?(asked: Asked): string;
}

interface ApiParts {
  readonly countries: readonly Country[];
  readonly countryAnswers: CountryAnswers;
  readonly faults: Faults;
}

/** All pages that have dials. */
export class Api {
  readonly #parts: ApiParts;
  readonly #rows = new Rows();
  readonly #tokens = new Tokens(Date.now);
  readonly #routes: ReadonlyMap<string, Route>;
  readonly #row: Route = {
    methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    answer: (asked) => this.#rows.answerTo(asked),
  };

  constructor(parts: ApiParts) {
    this.#parts = parts;
    const byCode = new Map(parts.countries.map((country) => [country.alpha2, country]));
    const login: Route = { methods: READ, answer: (asked) => loginAnswer(asked) ?? noAnswer() };
    this.#routes = new Map<string, Route>([
      ...[...PAGE_STYLES].map(([path, answer]): [string, Route] => {
        const methods = path === '/items/cursor' ? [...READ, 'POST'] : READ;
        return [path, { methods, answer }];
      }),
      [
        '/graphql',
        {
          methods: ['POST'],
          answer: (asked, count) => graphqlAnswer(asked, byCode, count),
          subject: ({ body }) => `graphql ${graphqlSubject(body)}`,
        },
      ],
      ['/login', login],
      ['/login/consent', login],
      ['/account', login],
      ['/token', { methods: ['POST'], answer: (asked) => this.#tokens.issue(asked) }],
    ]);
  }

  /** What was counted, for those who look on: it has no dials. */
  get counts(): ReadonlyMap<string, () => Answer> {
    return new Map([
      ['/rows', () => this.#rows.counts()],
      ['/token', () => this.#tokens.counts()],
    ]);
  }

  /** Whether a path is one of these pages. */
  has(path: string): boolean {
    const inner = withoutPrivate(path);
    return COUNTRY_PATH.test(inner) || this.#routeOf(inner) !== undefined;
  }

  /** @param arrivals number of requests in this second, this one included */
  answerTo(asked: Asked, arrivals: number): DelayedAnswer {
    const path = withoutPrivate(asked.path);
    const refusal = path === asked.path ? undefined : this.#tokens.refusal(asked);
    if (refusal !== undefined) {
      return { answer: refusal, delayMs: asked.dials.latencyMs };
    }
    const slug = COUNTRY_PATH.exec(path)?.[1];
    if (slug !== undefined) {
      return READ.includes(asked.method)
        ? this.#parts.countryAnswers.answerTo(slug, { ...asked, arrivals })
        : { answer: notAllowed(READ), delayMs: 0 };
    }
    const route = this.#routeOf(path);
    if (route?.methods.includes(asked.method) !== true) {
      return { answer: notAllowed(route?.methods ?? []), delayMs: 0 };
    }
    // Links of a private list stay private.
    const name = route.subject?.(asked) ?? subjectOf(asked);
    const what = { name, seed: seedOf(name) };
    const { fault, delayMs, count } = this.#parts.faults.draw(what, asked.dials, arrivals);
    return { answer: fault ?? route.answer(asked, count), delayMs };
  }

  #routeOf(path: string): Route | undefined {
    const route = this.#routes.get(path);
    if (route !== undefined) {
      return route;
    }
    if (/^\/items\/\d+$/u.test(path)) {
      return { methods: READ, answer: itemAnswer };
    }
    return /^\/rows\/[^/]+$/u.test(path) ? this.#row : undefined;
  }
}

function withoutPrivate(path: string): string {
  return path.startsWith(`${PRIVATE}/`) ? path.slice(PRIVATE.length) : path;
}

function subjectOf({ method, path, query }: Asked): string {
  const page = ['page', 'offset', 'cursor'].map((name) => query.get(name) ?? '').join(' ');
  return `${method} ${path} ${page}`;
}

function notAllowed(methods: readonly string[]): Answer {
  const allow = methods.join(', ');
  return { ...jsonAnswer(405, { error: `only ${allow}` }), headers: { allow } };
}

function noAnswer(): Answer {
  return jsonAnswer(404, { error: 'not found' });
}
