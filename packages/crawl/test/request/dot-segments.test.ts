import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { compileTemplate } from '../../src/request/template.ts';

const PARAMS = ['x', 'y'];

const PIECES = [
  ...'/ . %2e a ?b= {x} {y} {.x} {.x,y} {/y} {/x,y} {;x} {x,y}'.split(' '),
  ...'{x:1} {y:2} {&x} {?y} {#x} {x*} {/x*}'.split(' '),
];
const VALUES = ['', '. ', ...'. .. ... .a a. a %2e %2E. /.. ..\\ ../a'.split(' ')];

function problemsOf(url: string, values: readonly string[]): readonly string[] {
  const { checks } = compileTemplate(url, PARAMS);
  return PARAMS.flatMap((name, at) => checks.get(name)?.(values[at] ?? '') ?? []);
}

describe('a value that makes a segment of dots', () => {
  it.each([
    ['https://a.example/{x}', '.'],
    ['https://a.example/{x}', '..'],
    ['https://a.example/v1/{x}/b', '..'],
    ['https://a.example/v1/{x}?q=1', '..'],
    ['https://a.example/v1/{x}#top', '..'],
    ['https://a.example/v1/{x}{?y}', '..'],
    ['https://a.example/v1/{x}{#y}', '..'],
    ['https://a.example{/x}', '..'],
    ['https://a.example{/x*}', '..'],
    ['https://a.example{/y,x}/b', '.'],
    ['https://{y}.example:80/{x}/b', '..'],
    ['https://a.example/.{x}', '.'],
    ['https://a.example/.{x}', ''],
    ['https://a.example/{x}.', '.'],
    ['https://a.example/%2E{x}', '.'],
    ['https://a.example/b{/y}/{.x}', '.'],
    ['https://a.example/{.x}', ''],
    ['https://a.example/{x:1}', '.b'],
    ['https://a.example/{x:2}', '..b'],
    ['https://a.example/{x}{y}', '.'],
    ['https://a.example/{x}{x}', '.'],
    ['{+y}/{x}', '..'],
    ['{+y}{x}', '..'],
    ['https://a.example/b{+y}{x}', '..'],
    ['https://a.example/{x}{+y}', '..'],
    ['https://a.example{+y}{x}', '..'],
    ['https://a.example/b/{+y}.{x}', '.'],
  ])('is refused in %s: %j', (url, value) => {
    expect(problemsOf(url, [value, 'y'])).toEqual([
      expect.stringMatching(/makes "\.+" a segment of the path/u),
    ]);
  });

  it.each([
    ['https://a.example/{+x}', '..'],
    ['https://a.example/{+x}/b', '../../c'],
    ['{+x}', 'https://a.example/b/../c'],
    ['https://a.example/{#x}', '..'],
    ['https://a.example/{?x}', '..'],
    ['https://a.example/?q={x}', '..'],
    ['https://a.example/?{x}/b', '..'],
    ['https://a.example/#{x}', '..'],
    ['https://a.example/b{&x}', '..'],
    ['https://a.example/b{;x}', '..'],
    ['https://a.example/{;x}', '..'],
    ['https://a.example/{x,y}', '..'],
    ['https://a.example/b{x}', '..'],
    ['https://a.example/b{.x}', '.'],
    ['https://a.example/{x}.json', '.'],
    ['https://a.example/{x}b', '.'],
    ['https://a.example/..{x}', '.'],
    ['https://{x}.example/', '..'],
    ['https://a.example/{x}', ''],
    ['https://a.example/{x}', '...'],
    ['https://a.example/{x}', '.b'],
    ['https://a.example/{x}', '%2e'],
    ['https://a.example/{x}', '%2E%2e'],
    ['https://a.example/{x}', '../b'],
    ['https://a.example/{x}', '..\\b'],
    ['https://a.example/{x:1}', 'b.'],
    ['https://a.example/b{+y}c{x}', '..'],
  ])('is taken in %s: %j', (url, value) => {
    expect(problemsOf(url, [value, 'y'])).toEqual([]);
  });

  it('never reaches a URL, whatever the template', () => {
    const pieces = fc.array(fc.constantFrom(...PIECES), { maxLength: 8 });
    const value = fc.constantFrom(...VALUES);
    fc.assert(
      fc.property(pieces, value, value, (texts, x, y) => {
        const url = `https://a.example/${texts.join('')}`;
        const { expand } = compileTemplate(url, PARAMS);
        // Segments of dots that the author has written are the author's.
        fc.pre(pathOf(expand(['a', 'a'])) === new URL(expand(['a', 'a'])).pathname);
        fc.pre(problemsOf(url, [x, y]).length === 0);
        expect(new URL(expand([x, y])).pathname).toBe(pathOf(expand([x, y])));
      }),
      { numRuns: 3_000 },
    );
  });
});

function pathOf(url: string): string {
  return /^https:\/\/a\.example([^?#]*)/u.exec(url)?.[1] ?? '';
}
