import { type Country, confirmedSeries } from './series.ts';

/** Besides the bodies of default size, which are always kept. */
const MAX_CACHED_BYTES = 64 * 1024 * 1024;

/** Keeps bodies, so that each is built once; of unusual sizes only the latest are kept. */
export class BodyCache {
  readonly #defaults: ReadonlyMap<string, Buffer>;
  readonly #sized = new Map<string, Buffer>();
  #cachedBytes = 0;

  constructor(countries: readonly Country[]) {
    this.#defaults = new Map(countries.map((one) => [one.slug, confirmedSeries(one)]));
  }

  bodyOf(country: Country, bytes?: number): Buffer {
    const key = bytes === undefined ? country.slug : `${country.slug} ${bytes}`;
    const known = bytes === undefined ? this.#defaults.get(key) : this.#sized.get(key);
    if (known !== undefined) {
      return known;
    }
    const body = confirmedSeries(country, bytes);
    this.#sized.set(key, body);
    this.#cachedBytes += body.length;
    this.#evict();
    return body;
  }

  #evict(): void {
    for (const [key, body] of this.#sized) {
      if (this.#cachedBytes <= MAX_CACHED_BYTES) {
        return;
      }
      this.#sized.delete(key);
      this.#cachedBytes -= body.length;
    }
  }
}
