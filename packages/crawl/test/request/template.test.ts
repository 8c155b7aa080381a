import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { compileTemplate, TemplateError } from '../../src/request/template.ts';

/** The text values of RFC 6570 section 3.2. */
const VALUES: Readonly<Record<string, string>> = {
  var: 'value',
  hello: 'Hello World!',
  half: '50%',
  who: 'fred',
  base: 'http://example.com/home/',
  path: '/foo/bar',
  v: '6',
  x: '1024',
  y: '768',
  empty: '',
  dub: 'me/too',
};

const RFC_EXAMPLES: readonly (readonly [template: string, expanded: string])[] = [
  // 1.2, levels 1 to 3
  ['{var}', 'value'],
  ['{hello}', 'Hello%20World%21'],
  ['{+var}', 'value'],
  ['{+hello}', 'Hello%20World!'],
  ['{+path}/here', '/foo/bar/here'],
  ['here?ref={+path}', 'here?ref=/foo/bar'],
  ['X{#var}', 'X#value'],
  ['X{#hello}', 'X#Hello%20World!'],
  ['map?{x,y}', 'map?1024,768'],
  ['{x,hello,y}', '1024,Hello%20World%21,768'],
  ['{+x,hello,y}', '1024,Hello%20World!,768'],
  ['{+path,x}/here', '/foo/bar,1024/here'],
  ['{#x,hello,y}', '#1024,Hello%20World!,768'],
  ['{#path,x}/here', '#/foo/bar,1024/here'],
  ['X{.var}', 'X.value'],
  ['X{.x,y}', 'X.1024.768'],
  ['{/var}', '/value'],
  ['{/var,x}/here', '/value/1024/here'],
  ['{;x,y}', ';x=1024;y=768'],
  ['{;x,y,empty}', ';x=1024;y=768;empty'],
  ['{?x,y}', '?x=1024&y=768'],
  ['{?x,y,empty}', '?x=1024&y=768&empty='],
  ['?fixed=yes{&x}', '?fixed=yes&x=1024'],
  ['{&x,y,empty}', '&x=1024&y=768&empty='],
  // 3.2.2
  ['{half}', '50%25'],
  ['O{empty}X', 'OX'],
  ['O{undef}X', 'OX'],
  ['{x,y}', '1024,768'],
  ['?{x,empty}', '?1024,'],
  ['?{x,undef}', '?1024'],
  ['?{undef,y}', '?768'],
  ['{var:3}', 'val'],
  ['{var:30}', 'value'],
  // 3.2.3
  ['{+half}', '50%25'],
  ['{base}index', 'http%3A%2F%2Fexample.com%2Fhome%2Findex'],
  ['{+base}index', 'http://example.com/home/index'],
  ['O{+empty}X', 'OX'],
  ['O{+undef}X', 'OX'],
  ['up{+path}{var}/here', 'up/foo/barvalue/here'],
  ['{+path:6}/here', '/foo/b/here'],
  // 3.2.4
  ['{#var}', '#value'],
  ['{#hello}', '#Hello%20World!'],
  ['{#half}', '#50%25'],
  ['foo{#empty}', 'foo#'],
  ['foo{#undef}', 'foo'],
  ['{#path:6}/here', '#/foo/b/here'],
  // 3.2.5
  ['{.who}', '.fred'],
  ['{.who,who}', '.fred.fred'],
  ['{.half,who}', '.50%25.fred'],
  ['X{.empty}', 'X.'],
  ['X{.undef}', 'X'],
  ['X{.var:3}', 'X.val'],
  // 3.2.6
  ['{/who}', '/fred'],
  ['{/who,who}', '/fred/fred'],
  ['{/half,who}', '/50%25/fred'],
  ['{/who,dub}', '/fred/me%2Ftoo'],
  ['{/var,empty}', '/value/'],
  ['{/var,undef}', '/value'],
  ['{/var:1,var}', '/v/value'],
  // 3.2.7
  ['{;who}', ';who=fred'],
  ['{;half}', ';half=50%25'],
  ['{;empty}', ';empty'],
  ['{;v,empty,who}', ';v=6;empty;who=fred'],
  ['{;v,undef,who}', ';v=6;who=fred'],
  ['{;hello:5}', ';hello=Hello'],
  // 3.2.8
  ['{?who}', '?who=fred'],
  ['{?half}', '?half=50%25'],
  ['{?x,y,undef}', '?x=1024&y=768'],
  ['{?var:3}', '?var=val'],
  // 3.2.9
  ['{&who}', '&who=fred'],
  ['{&half}', '&half=50%25'],
  ['{&x,y,undef}', '&x=1024&y=768'],
  ['{&var:3}', '&var=val'],
  // an explode modifier changes nothing for a text
  ['{var*}', 'value'],
  ['{?x*}', '?x=1024'],
];

/** Cases in which the library deviates from the RFC. */
const EDGES: readonly (readonly [template: string, value: string, expanded: string])[] = [
  ['http://h{/x}', '', 'http://h/'],
  ['{x:2}', '😀😁😂', '%F0%9F%98%80%F0%9F%98%81'],
  ['{+x}', '%2F%zz', '%2F%25zz'],
  // Letters that case folding turns into s and k.
  ['{+x}', '\u017f\u212a', '%C5%BF%E2%84%AA'],
  ['{x}', '\u017f\u212a', '%C5%BF%E2%84%AA'],
  ['{x}', "é!'()*", '%C3%A9%21%27%28%29%2A'],
  ['{x}', '\ud800', '%EF%BF%BD'],
  ['/müller/{x}', '1', '/m%C3%BCller/1'],
  ['/a%20b/{x}', '1', '/a%20b/1'],
];

describe('compileTemplate', () => {
  it.each(RFC_EXAMPLES)('expands %s to %s as RFC 6570 says', (template, expanded) => {
    const params = Object.keys(VALUES);
    expect(compileTemplate(template, params).expand(Object.values(VALUES))).toBe(expanded);
  });

  it.each(EDGES)('expands %s with %j to %s', (template, value, expanded) => {
    expect(compileTemplate(template, ['x']).expand([value])).toBe(expanded);
  });

  it('takes the values in the order of the parameters, not of the template', () => {
    expect(compileTemplate('/{b}/{a}', ['a', 'b']).expand(['1', '2'])).toBe('/2/1');
    expect(compileTemplate('/{b}/{a}{?b}', []).variables).toEqual(['b', 'a']);
  });

  it('encodes any text so that it can be decoded', () => {
    const template = compileTemplate('http://h/{x}', ['x']);
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        expect(decodeURIComponent(template.expand([text]).slice('http://h/'.length))).toBe(text);
      }),
    );
  });

  it.each([
    ['http://h:80/{x}', 'http://h'],
    ['http://h:8080/{x}', 'http://h:8080'],
    ['HTTPS://H.example/', 'https://h.example'],
    ['http://h{/x}', 'http://h'],
    ['http://h{?x}', 'http://h'],
    ['http://h', 'http://h'],
    ['http://h{x}', undefined],
    ['http://h{.x}/y', undefined],
    ['http://{x}/y', undefined],
    ['http://h:{x}/y', undefined],
    ['{+x}/y', undefined],
    ['h/{x}', undefined],
  ])('finds for %s the constant origin %s', (template, origin) => {
    expect(compileTemplate(template, []).constantOrigin).toBe(origin);
  });

  it.each([
    '/{',
    '/{}',
    '/{x',
    '/x}',
    '/{x y}',
    '/{x:0}',
    '/{x:10000}',
    '/{=x}',
    '/a b',
    '/a\\b',
    '/{x(y)}',
  ])('refuses %s', (template) => {
    expect(() => compileTemplate(template, ['x'])).toThrow(TemplateError);
  });
});
