import { closest } from 'fastest-levenshtein';
import { type Answer, jsonAnswer } from '../http/answer.ts';
import type { Dials } from '../http/dials.ts';
import type { Faults } from '../http/faults.ts';
import { BodyCache } from './body-cache.ts';
import type { Country } from './series.ts';

/** An answer and the delay before it is sent. */
export interface DelayedAnswer {
  readonly answer: Answer;
  readonly delayMs: number;
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

  /** @param arrivals number of requests in this second, this one included */
  answerTo(slug: string, dials: Dials, arrivals: number): DelayedAnswer {
    const country = this.#countries.get(slug);
    if (country === undefined) {
      return { answer: this.#unknown(slug), delayMs: dials.latencyMs };
    }
    const what = { name: slug, seed: country.seed };
    const { fault, delayMs } = this.#faults.draw(what, dials, arrivals);
    const answer = fault ?? {
      status: dials.status ?? 200,
      body: this.#bodies.bodyOf(country, dials.bodyBytes),
    };
    return { answer, delayMs };
  }

  #unknown(slug: string): Answer {
    const didYouMean = closest(slug.toLowerCase().slice(0, 100), [...this.#countries.keys()]);
    return jsonAnswer(404, { error: 'unknown country', slug, didYouMean });
  }
}
