import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { installLeakGuard, type TemporaryFolder, temporaryFolder } from '@fetchfleet/testing';
import * as fc from 'fast-check';
import { parseCrawlFile } from '../../src/file/crawl-file.ts';
import { readListFile } from '../../src/values/list-file.ts';
import type { ListFile } from '../../src/model/parameter-source.ts';

let folder: TemporaryFolder;

beforeEach(async () => {
  folder = await temporaryFolder('list-file');
});

afterEach(async () => folder.remove());

installLeakGuard();

type Format = ListFile['format'];

type SingleFile = Extract<ListFile, { kind: 'file' }>;

/** A list as a crawl file names it, with the keys given. */
function listFile(format: Format, keys: Readonly<Record<string, unknown>> = {}): SingleFile {
  const column = format === 'txt' ? {} : { column: 'id' };
  const params = { id: { file: `list.${format}`, ...column, ...keys } };
  const text = JSON.stringify({ url: 'https://a.example/{id}', params });
  const [source] = parseCrawlFile(text, join(folder.path, 'crawl.yaml')).sources;
  if (source?.kind !== 'file') {
    throw new Error('the parameter is a list file');
  }
  return source;
}

/** The same list as version 0.1 stored it. */
function listFileOf01(format: Format): ListFile {
  const { rules: _, ...stored } = listFile(format);
  return stored;
}

async function read(file: ListFile, content: string | Uint8Array) {
  await writeFile(file.path, content);
  const values: string[] = [];
  const problems: string[] = [];
  const onProblem = (line: number, message: string) => problems.push(`${line}: ${message}`);
  for await (const chunk of readListFile(file, { onProblem })) {
    values.push(...chunk.map((row) => row.join('|')));
  }
  return { values, problems };
}

async function valuesOf(file: ListFile, content: string | Uint8Array): Promise<string[]> {
  const { values, problems } = await read(file, content);
  expect(problems).toEqual([]);
  return values;
}

const json = (id: unknown) => JSON.stringify({ id });

/** One value of a list, written as its format demands. */
const WRITE: Readonly<Record<Format, (value: string) => string>> = {
  txt: (value) => value,
  csv: (value) => `${value},x`,
  ndjson: json,
};
const FORMATS = ['txt', 'csv', 'ndjson'] as const;
const HEADER: Readonly<Record<Format, string>> = { txt: '', csv: 'id,other\n', ndjson: '' };

const value = fc.stringMatching(/^[a-z0-9]([a-zé/?=& ]{0,6}[a-z0-9])?$/u);
const invisible = fc
  .array(fc.constantFrom(' ', '\t', '\u00a0', '\u200b', '\ufeff', '\u202c'), { maxLength: 3 })
  .map((characters) => characters.join(''));
const lineEnd = fc.constantFrom('\n', '\r\n', '\r');
const rows = fc.array(fc.tuple(invisible, value, invisible, lineEnd, fc.array(lineEnd)), {
  minLength: 1,
});

describe.each(FORMATS)('a .%s list', (format) => {
  const write = WRITE[format];

  it('has the same values whatever line ends and invisible characters are mixed', async () => {
    await fc.assert(
      fc.asyncProperty(rows, fc.boolean(), async (parts, hasBom) => {
        const text = parts.map(
          ([before, text_, after, end, blank]) =>
            write(`${before}${text_}${after}`) + end + blank.join(' '),
        );
        const content = `${hasBom ? '\ufeff' : ''}${HEADER[format]}${text.join('')}`;
        expect(await valuesOf(listFile(format), content)).toEqual(parts.map((part) => part[1]));
      }),
    );
  });

  it('keeps the characters around a value with trim: false, and nothing of the line ends', async () => {
    await fc.assert(
      fc.asyncProperty(rows, async (parts) => {
        const text = parts.map(([, text_, , end]) => write(` ${text_}\u00a0`) + end).join('');
        expect(await valuesOf(listFile(format, { trim: false }), HEADER[format] + text)).toEqual(
          parts.map(([, text_]) => ` ${text_}\u00a0`),
        );
      }),
    );
  });

  it('finds a line end whose two characters are in two chunks of the file', async () => {
    const filler = 'v'.repeat(1000);
    for (const shift of ['', 'x', 'xx', 'xxx']) {
      const values = Array.from({ length: 200 }, (_, at) => `${shift}${filler}${at}`);
      const content = HEADER[format] + values.map((one) => `${write(one)}\r\n`).join('');
      const file = listFile(format, { blank: 'keep' });
      expect(await valuesOf(file, content)).toEqual(values);
    }
  });

  it('has comments where the crawl file says so', async () => {
    const commented = `# it's "mine\n${HEADER[format]}${write('a')}\n#${write('b')}\n`;
    const file = listFile(format, { comment: '#' });
    expect(await valuesOf(file, `${commented}${write('c#d')}\n# end`)).toEqual(['a', 'c#d']);
  });

  it('names the line of a value that is not usable, by any line ends', async () => {
    const content = `${HEADER[format]}${write('a')}\r\n\r${write('x'.repeat(9000))}\r${write('b')}`;
    const line = format === 'csv' ? 4 : 3;
    expect(await read(listFile(format), content)).toEqual({
      values: ['a', 'b'],
      problems: [`${line}: the value is longer than 8192 characters`],
    });
  });

  it('may be written in another encoding', async () => {
    const latin = Buffer.from(`${HEADER[format]}${write('caf\u00e9')}\n`, 'latin1');
    expect(await valuesOf(listFile(format, { encoding: 'latin1' }), latin)).toEqual(['café']);
    const utf16 = Buffer.from(`\ufeff${HEADER[format]}${write('caf\u00e9')}\r\n`, 'utf16le');
    expect(await valuesOf(listFile(format), utf16)).toEqual(['café']);
    expect(await valuesOf(listFile(format, { encoding: 'utf-16' }), utf16)).toEqual(['café']);
    const contradiction = read(listFile(format, { encoding: 'latin1' }), utf16);
    await expect(contradiction).rejects.toThrow(/byte order mark of UTF-16LE, but encoding: says/u);
    await expect(read(listFile(format), latin)).rejects.toThrow(
      /UTF-8 text from here on; name an/u,
    );
  });

  it('refuses NUL characters, which UTF-16 without a byte order mark has', async () => {
    const content = `${HEADER[format]}${write('a\0b')}\n`;
    expect((await read(listFile(format), content)).problems).toEqual([
      expect.stringMatching(/NUL character; if the file is UTF-16/u),
    ]);
  });
});

it('refuses half a surrogate pair, which would be sent as another character', async () => {
  const content = '{"id":"\\ud83d\\ude00"}\n{"id":"\\ud83dx"}\n{"id":"x\\ude00"}\n';
  expect(await read(listFile('ndjson'), content)).toEqual({
    values: ['😀'],
    problems: [2, 3].map(
      (line) => `${line}: the value has half a surrogate pair, which is no character`,
    ),
  });
});

describe('an empty value of a list', () => {
  const blanks: Readonly<Record<'csv' | 'ndjson', string>> = {
    csv: 'id,name\n1,a\n \u00a0,b\n"",c\n2,d\n',
    ndjson: `${json('1')}\n${json(' \u00a0')}\n${json(null)}\n${json('2')}\n`,
  };

  it.each(['csv', 'ndjson'] as const)(
    'is refused, kept or skipped in a .%s list',
    async (format) => {
      const content = blanks[format];
      const first = format === 'csv' ? 3 : 2;
      const refused = await read(listFile(format), content);
      expect(refused.problems).toEqual(
        [first, first + 1].map((line) =>
          expect.stringMatching(
            new RegExp(`^${line}: the value is empty; blank: skip leaves`, 'u'),
          ),
        ),
      );
      expect(await valuesOf(listFile(format, { blank: 'skip' }), content)).toEqual(['1', '2']);
      expect(await valuesOf(listFile(format, { blank: 'keep' }), content)).toEqual([
        '1',
        '',
        '',
        '2',
      ]);
    },
  );

  it('is a blank line in a .txt list: skipped by default', async () => {
    const content = '\n1\n \n\n2\n\n\n';
    expect(await valuesOf(listFile('txt'), content)).toEqual(['1', '2']);
    expect(await valuesOf(listFile('txt', { blank: 'keep' }), '1\n \n2\n')).toEqual(['1', '', '2']);
    const { problems } = await read(listFile('txt', { blank: 'refuse' }), content);
    expect(problems.map((one) => one.split(':')[0])).toEqual(['1', '3', '4', '6', '7']);
  });

  it('is no row where the line of a .csv file is blank', async () => {
    const content = '\nid,name\n\n  \n1,a\n\u00a0\n\n2,b\n\n';
    expect(await valuesOf(listFile('csv', { blank: 'keep' }), content)).toEqual(['1', '2']);
    expect(await valuesOf(listFile('csv'), 'id\n\n1\n \n\u200b\n2\n')).toEqual(['1', '2']);
  });
});

describe('the dialect of a .csv list', () => {
  it.each([';', '\t', '|', '¦'])('may have the delimiter %j', async (delimiter) => {
    const content = ['id,name', ' 7 ,"a, b"', '"8" , ']
      .join('\n')
      .replaceAll(/,(?! b)/gu, delimiter);
    expect(await valuesOf(listFile('csv', { delimiter }), content)).toEqual(['7', '8']);
  });

  it.each([
    ['id;name\n1;a\n', /no column "id"; if the columns are separated so, add delimiter: ";"/u],
    ['name\tid\na\t1\n', /add delimiter: "\\t"/u],
    ['ID,name\n', /did you mean "ID"\?/u],
  ])('is asked for where the header %j has another', async (content, message) => {
    await expect(read(listFile('csv'), content)).rejects.toThrow(message);
  });

  it('may have blanks around names and quotes', async () => {
    const content = 'x , \ufeffid \n "a, b" , "1" \n';
    expect(await valuesOf(listFile('csv'), content)).toEqual(['1']);
  });

  it('keeps line ends within quotes', async () => {
    const content = 'id,x\r"a\r\nb\rc\nd",1\ne,2\r\n';
    expect(await valuesOf(listFile('csv'), content)).toEqual(['a\r\nb\rc\nd', 'e']);
  });
});

describe('a list that version 0.1 stored', () => {
  it.each([
    ['txt', 'kenya \nfr\rance\t\n  \n', ['kenya ', 'fr\rance\t', '  ']],
    ['txt', '# list\r\n\ufeffa\r\n', ['# list', '\ufeffa']],
    ['csv', 'id,x\n a ,1\n"b ",\u00a0\n', [' a ', 'b ']],
    ['csv', 'id\nb\rc\n', ['b\rc']],
    ['ndjson', '{"id":" a "}\n \n{"id":"\u00a0"}\r\n', [' a ', '\u00a0']],
  ] as const)('keeps its values: .%s %j', async (format, content, values) => {
    expect(await valuesOf(listFileOf01(format), content)).toEqual(values);
  });
});
