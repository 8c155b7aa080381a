import { countries } from '@fetchfleet/crawl/countries';
import { chance, seedOf } from '../http/chance.ts';

const DAY_MS = 86_400_000;
const FIRST_DAY = Date.UTC(2020, 2, 1);
const DEFAULT_DAYS = 10;

export interface Country {
  readonly name: string;
  readonly alpha2: string;
  readonly slug: string;
  /** For all draws of this country. */
  readonly seed: number;
}

/** Every ISO 3166-1 country, in the order of its code. */
export function listCountries(): readonly Country[] {
  const names = countries('name');
  const codes = countries('alpha2');
  return countries('slug').map((slug, at) => ({
    name: names[at] ?? slug,
    alpha2: codes[at] ?? '',
    slug,
    seed: seedOf(slug),
  }));
}

/**
 * Daily points of an invented epidemic as JSON: cumulative, the same in every run, and marked
 * `"Synthetic":true`.
 *
 * @param bytes exact size of the text, at least 2: spaces fill up what points cannot.
 *   @default ten points, about 1.2 kB
 */
export function confirmedSeries(country: Country, bytes?: number): Buffer {
  const points: string[] = [];
  let length = 2;
  let cases = 0;
  const maxDays = bytes === undefined ? DEFAULT_DAYS : Number.POSITIVE_INFINITY;
  for (let day = 0; day < maxDays; day += 1) {
    cases += Math.floor(chance(country.seed, day, 0) * (5 + Math.min(day, 200) ** 2));
    const point = pointOf(country, day, cases);
    const pointBytes = Buffer.byteLength(point) + (day > 0 ? 1 : 0);
    if (bytes !== undefined && length + pointBytes > bytes) {
      break;
    }
    length += pointBytes;
    points.push(point);
  }
  const padding = ' '.repeat(Math.max(0, (bytes ?? 0) - length));
  return Buffer.from(`[${points.join(',')}${padding}]`);
}

function pointOf(country: Country, day: number, cases: number): string {
  return JSON.stringify({
    Country: country.name,
    CountryCode: country.alpha2,
    Cases: cases,
    Status: 'confirmed',
    // In a large body the days would go beyond the year 9999.
    Date: new Date(FIRST_DAY + (day % 1_000_000) * DAY_MS).toISOString(),
    Synthetic: true,
  });
}
