import { closest } from 'fastest-levenshtein';
import { type Answer, jsonAnswer } from './answer.ts';
import { BodyCache } from './body-cache.ts';
import { chance } from './chance.ts';
import type { Dials } from './dials.ts';
import type { Country } from './series.ts';

/** The `purpose` of a draw; see `chance`. */
const FOR_ERROR = 1;
const FOR_THROTTLE = 2;
const FOR_JITTER = 3;

/** An answer and the delay before it is sent. */
export interface DelayedAnswer {
  readonly answer: Answer;
  readonly delayMs: number;
}

export interface CountryAnswersOptions {
  readonly countries: readonly Country[];
  /** Requests above this number in a second get a 429. @default no limit */
  readonly limitPerSecond?: number | undefined;
}

/**
 * Decides how `/country/{slug}/status/confirmed` is answered, from the country, the number of
 * requests for it, and the dials.
 */
export class CountryAnswers {
  readonly #countries: ReadonlyMap<string, Country>;
  readonly #bodies: BodyCache;
  readonly #limitPerSecond: number;
  readonly #counts = new Map<string, number>();

  constructor({ countries, limitPerSecond }: CountryAnswersOptions) {
    this.#countries = new Map(countries.map((country) => [country.slug, country]));
    this.#bodies = new BodyCache(countries);
    this.#limitPerSecond = limitPerSecond ?? Number.POSITIVE_INFINITY;
  }

  /** @param arrivals number of requests in this second, this one included */
  answerTo(slug: string, dials: Dials, arrivals: number): DelayedAnswer {
    const country = this.#countries.get(slug);
    if (country === undefined) {
      return { answer: this.#unknown(slug), delayMs: dials.latencyMs };
    }
    const count = this.#counts.get(slug) ?? 0;
    this.#counts.set(slug, count + 1);
    const jitterMs = dials.jitterMs * chance(country.seed, count, FOR_JITTER);
    const answer = this.#known(country, { dials, count, arrivals });
    return { answer, delayMs: dials.latencyMs + jitterMs };
  }

  #known(
    country: Country,
    { dials, count, arrivals }: { dials: Dials; count: number; arrivals: number },
  ): Answer {
    if (dials.status !== undefined && dials.status >= 300) {
      return fault(dials.status, dials);
    }
    if (arrivals > this.#limitPerSecond) {
      return fault(429, dials);
    }
    if (chance(country.seed, count, FOR_THROTTLE) < dials.throttle) {
      return fault(429, dials);
    }
    if (chance(country.seed, count, FOR_ERROR) < dials.errors) {
      return fault(500, dials);
    }
    return { status: dials.status ?? 200, body: this.#bodies.bodyOf(country, dials.bodyBytes) };
  }

  #unknown(slug: string): Answer {
    const didYouMean = closest(slug.toLowerCase().slice(0, 100), [...this.#countries.keys()]);
    return jsonAnswer(404, { error: 'unknown country', slug, didYouMean });
  }
}

function fault(status: number, dials: Dials): Answer {
  const retryAfter = dials.retryAfter ?? (status === 429 ? 1 : undefined);
  const answer = jsonAnswer(status, { error: `status ${status}, as asked for by a dial` });
  if (retryAfter === undefined) {
    return answer;
  }
  return { ...answer, headers: { 'retry-after': String(retryAfter) } };
}
