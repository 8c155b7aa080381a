import { describe, expect, it } from '@jest/globals';
import { candidatesOf, parseResolvConf } from '../../src/lookup/resolv-conf.ts';

describe('parseResolvConf', () => {
  it.each([
    ['nothing', '', [], 1],
    ['search domains', 'nameserver 10.0.0.1\nsearch a.test b.test', ['a.test', 'b.test'], 1],
    ['the last of several lines', 'search a.test\nsearch b.test', ['b.test'], 1],
    ['a domain', 'domain a.test', ['a.test'], 1],
    ['a search line behind a domain', 'domain a.test\nsearch b.test', ['b.test'], 1],
    ['options of Kubernetes', 'search a.test\noptions edns0 ndots:5 trust-ad', ['a.test'], 5],
    ['more dots than the system allows', 'options ndots:99', [], 15],
    ['comments', '# search a.test\n; search b.test\nsearch c.test # d.test', ['c.test'], 1],
    ['the root', 'search .', [''], 1],
  ])('reads %s', (_what, text, search, ndots) => {
    expect(parseResolvConf(text)).toEqual({ search, ndots });
  });
});

describe('candidatesOf', () => {
  it.each([
    ['a name with enough dots', 'a.example', 1, ['a.example', 'a.example.x.test', 'a.example.y']],
    ['a name with too few dots', 'a.example', 5, ['a.example.x.test', 'a.example.y', 'a.example']],
    ['a name without dots', 'a', 1, ['a.x.test', 'a.y', 'a']],
    ['a name that ends with a dot', 'a.', 1, ['a']],
  ])('searches for %s', (_what, name, ndots, candidates) => {
    expect(candidatesOf(name, { search: ['x.test', 'y'], ndots })).toEqual(candidates);
  });

  it('asks for a name once where the root is searched', () => {
    expect(candidatesOf('a', { search: [''], ndots: 1 })).toEqual(['a']);
  });
});
