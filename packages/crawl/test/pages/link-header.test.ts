import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { nextLink } from '../../src/pages/link-header.ts';

const URL_OF_PAGE = 'https://api.example/items?page=1';

describe('the next link of an answer', () => {
  it.each([
    ['<https://api.example/items?page=2>; rel="next"', 'https://api.example/items?page=2'],
    ['<?page=2>;rel=next', '?page=2'],
    ['</items?page=9>; rel="last", </items?page=2>; rel="next"', '/items?page=2'],
    ['</items?page=2>; rel="next last"', '/items?page=2'],
    ['</items?page=2>; REL="Next"', '/items?page=2'],
    ['</a,b>; title="a, <b>; rel=\\"prev\\""; rel="next"', '/a,b'],
    ['</2> ; title = "x" ; rel = "next" ; type=text/html', '/2'],
    ['</2>; title*=UTF-8\'de\'n%c3%a4chstes; rel="next"', '/2'],
    ['</1>; rel="prev"; rel="next", </2>; rel="next"', '/2'],
    ['</other>; rel="next"; anchor="/else", </2>; rel="next"', '/2'],
    ['</2>; rel="next"; anchor="?page=1"', '/2'],
    ['</2>; rel="next"; anchor=""', '/2'],
    ['broken; rel="next", </2>; rel="next"', '/2'],
    ['<unclosed; rel="prev", </2>; rel="next"', '/2'],
    ['</1>; title="unclosed, </2>; rel="next"', undefined],
    [',,, </2>; rel=next;', '/2'],
    ['</2>; x; ; rel=next', '/2'],
    ['<>; rel="next"', ''],
    ['</2>; rel="nextlast"', undefined],
    ['</2>; rev="next"', undefined],
    ['</2>', undefined],
    ['', undefined],
  ])('%s', (header, target) => {
    expect(nextLink(header, URL_OF_PAGE)).toBe(target);
  });

  it('is found before anything else, and behind links without brackets or quotes', () => {
    const pieces = ['>', ';', ',', '=', ' ', 'rel', 'next', 'a', '\\'];
    const odd = fc.array(fc.constantFrom(...pieces), { maxLength: 40 });
    const anything = fc.array(fc.constantFrom(...pieces, '<', '"'), { maxLength: 40 });
    fc.assert(
      fc.property(odd, anything, (before, after) => {
        const header = `${before.join('')},</2>;rel=next,${after.join('')}`;
        expect(nextLink(header, URL_OF_PAGE)).toBe('/2');
      }),
    );
  });

  it('takes no longer for hostile headers', () => {
    for (const unit of ['<', '<>', '"', ';', ',', '<>;', '<a>;rel="', '\\', '<>;a="\\', ' ']) {
      const started = process.cpuUsage();
      nextLink(unit.repeat(100_000), URL_OF_PAGE);
      const { user } = process.cpuUsage(started);
      expect(user).toBeLessThan(1_000_000);
    }
  });
});
