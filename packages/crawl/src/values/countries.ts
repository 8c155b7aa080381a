import slugify from '@sindresorhus/slugify';
// The package's main entry loads the names in all 80 languages.
import iso from 'i18n-iso-countries/index.js';
import english from 'i18n-iso-countries/langs/en.json' with { type: 'json' };
import type { CountryForm } from '../model/plan.ts';

export interface Country {
  readonly slug: string;
  /** English. */
  readonly name: string;
  readonly alpha2: string;
  readonly alpha3: string;
}

/** Widely used codes that ISO 3166-1 leaves to its users. */
const USER_ASSIGNED = new Set(['XK']);

let table: readonly Country[] | undefined;
let bySlug: ReadonlyMap<string, Country> | undefined;

/** All ISO 3166-1 countries in one form, in the order of their alpha-2 codes. */
export function countries(form: CountryForm): string[] {
  return allCountries().map((country) => country[form]);
}

export function countryBySlug(slug: string): Country | undefined {
  bySlug ??= new Map(allCountries().map((country) => [country.slug, country]));
  return bySlug.get(slug);
}

function allCountries(): readonly Country[] {
  table ??= Object.entries(iso.getAlpha2Codes())
    .filter(([alpha2]) => !USER_ASSIGNED.has(alpha2))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([alpha2, alpha3]) => toCountry(alpha2, alpha3));
  return table;
}

function toCountry(alpha2: string, alpha3: string): Country {
  const names: Readonly<Record<string, string | readonly string[]>> = english.countries;
  const found = names[alpha2] ?? alpha2;
  const name = typeof found === 'string' ? found : (found[0] ?? alpha2);
  return { slug: slugify(name), name, alpha2, alpha3 };
}
