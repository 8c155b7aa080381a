import type { IncomingHttpHeaders } from 'node:http';
import { closest } from 'fastest-levenshtein';
import { type Answer, jsonAnswer } from '../http/answer.ts';
import type { Dials } from '../http/dials.ts';
import type { Faults } from '../http/faults.ts';
import { BodyCache } from './body-cache.ts';
import type { Country } from './series.ts';
import { validated } from './validators.ts';

/** An answer and the delay before it is sent. */
export interface DelayedAnswer {
  readonly answer: Answer;
  readonly delayMs: number;
}

/** What of a request decides its answer. */
interface CountryRequest {
  readonly dials: Dials;
  readonly headers: IncomingHttpHeaders;
  /** Number of requests in this second, this one included. */
  readonly arrivals: number;
}

/**
 * Decides how `/country/{slug}/status/confirmed` is answered, from the country, the number of
 * requests for it, and the dials.
 */
export class CountryAnswers {
  readonly #countries: ReadonlyMap<string, Country>;
  readonly #bodies: BodyCache;
  readonly #faults: Faults;

  constructor(countries: readonly Country[], faults: Faults) {
    this.#countries = new Map(countries.map((country) => [country.slug, country]));
    this.#bodies = new BodyCache(countries);
    this.#faults = faults;
  }

  answerTo(slug: string, { dials, headers, arrivals }: CountryRequest): DelayedAnswer {
    const country = this.#countries.get(slug);
    if (country === undefined) {
      return { answer: this.#unknown(slug), delayMs: dials.latencyMs };
    }
    const what = { name: slug, seed: country.seed };
    const { fault, delayMs } = this.#faults.draw(what, dials, arrivals);
    if (fault !== undefined) {
      return { answer: fault, delayMs };
    }
    const body = this.#bodies.bodyOf(country, dials.bodyBytes);
    return { answer: validated({ status: dials.status ?? 200, body }, headers), delayMs };
  }

  #unknown(slug: string): Answer {
    const didYouMean = closest(slug.toLowerCase().slice(0, 100), [...this.#countries.keys()]);
    return jsonAnswer(404, { error: 'unknown country', slug, didYouMean });
  }
}
