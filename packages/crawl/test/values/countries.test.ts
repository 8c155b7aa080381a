import { describe, expect, it } from '@jest/globals';
import { countries, countryBySlug } from '../../src/values/countries.ts';
import { sourceLength } from '../../src/values/source-length.ts';

describe('countries', () => {
  it.each(['slug', 'name', 'alpha2', 'alpha3'] as const)(
    'returns all 249 as %s, each once',
    (form) => {
      expect(new Set(countries(form)).size).toBe(249);
      expect(countries(form)).toHaveLength(249);
      expect(sourceLength({ name: 'c', kind: 'countries', form })).toBe(249);
    },
  );

  it('sorts all forms by alpha-2 code', () => {
    const alpha2 = countries('alpha2');
    expect(alpha2).toEqual(alpha2.toSorted());
    const at = alpha2.indexOf('CI');
    expect(countries('alpha3')[at]).toBe('CIV');
    expect(countries('slug')[at]).toBe('cote-d-ivoire');
    expect(countries('name')[at]).toMatch(/Ivoire/);
  });

  it('omits codes that ISO did not assign', () => {
    expect(countries('alpha2')).not.toContain('XK');
  });

  it('makes slugs of lower-case letters and hyphens', () => {
    for (const slug of countries('slug')) {
      expect(slug).toMatch(/^[a-z]+(?:-[a-z]+)*$/);
    }
  });
});

describe('countryBySlug', () => {
  it('finds a country by its slug', () => {
    expect(countryBySlug('kenya')).toEqual({
      slug: 'kenya',
      name: 'Kenya',
      alpha2: 'KE',
      alpha3: 'KEN',
    });
    expect(countryBySlug('atlantis')).toBeUndefined();
  });
});
