import { PassThrough } from 'node:stream';
import { anyText } from '@fetchfleet/testing/any-text';
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { shellWord } from '../../src/core/shell-word.ts';
import { type Style, Terminal } from '../../src/core/terminal.ts';

/** What a terminal gets. */
function shown(use: (terminal: Terminal) => void, isTTY = true): string {
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 80 });
  use(new Terminal({ stdout: stream, stderr: stream }));
  return String(stream.read() ?? '');
}

function sayDown(terminal: Terminal): void {
  terminal.say([['red', 'down'], ' a\u001b[31m']);
}

const STYLES: readonly Style[] = ['red', 'green', 'yellow', 'dim', 'bold', 'cyan'];

/** Rich in control characters, sequences of them and directions. */
const hostile = fc
  .array(
    fc.oneof(
      anyText({ maxLength: 3 }),
      fc.constantFrom(
        '\u001b[2J',
        '\u001b[0m',
        '\u001b]0;x\u0007',
        '\u009b31m',
        '\n',
        '\r',
        '\u202e',
      ),
    ),
  )
  .map((parts) => parts.join(''));

describe('a terminal', () => {
  it('gets each line as one, with no control characters but our colours', () => {
    const style = fc.constantFrom(...STYLES);
    const span = fc.oneof(hostile, fc.tuple(style, hostile));
    const lines = fc.array(fc.oneof(hostile, fc.array(span)), { minLength: 1 });
    fc.assert(
      fc.property(lines, hostile, (some, message) => {
        const text = shown((terminal) => {
          terminal.note(...some);
          terminal.say(...some);
          terminal.print(...some);
          terminal.warn(message);
          terminal.error(message);
          terminal.printJson({ message });
        });
        expect(text.split('\n')).toHaveLength(3 * some.length + 4);
        // oxlint-disable-next-line no-control-regex -- these are our own
        const rest = text.replaceAll(/\u001b\[\d+m|\n/gu, '');
        expect(rest).not.toMatch(/[\p{Cc}\p{Cs}\p{Bidi_Control}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  it('has colours only where it is one', () => {
    expect(shown(sayDown)).toBe('\u001b[31mdown\u001b[39m a\\u001b[31m\n');
    expect(shown(sayDown, false)).toBe('down a\\u001b[31m\n');
  });

  it('gets documents that mean what they meant', () => {
    const document = { id: '\u009b31m\u202e\u2028\u007f', ['\u200b']: '\ud800' };
    expect(JSON.parse(shown((terminal) => terminal.printJson(document)))).toEqual(document);
  });
});

describe('a word of a command', () => {
  it.each([
    ['crawls/a-b_c.yaml', 'crawls/a-b_c.yaml'],
    ['two words.yaml', "'two words.yaml'"],
    ['$(touch x)', "'$(touch x)'"],
    ["it's", String.raw`'it'\''s'`],
    ['', "''"],
  ])('is quoted where a shell would read it differently: %s', (text, word) => {
    expect(shellWord(text)).toBe(word);
  });
});
