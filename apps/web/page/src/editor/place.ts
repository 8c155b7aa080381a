/** Where the cursor stands in a crawl file. */
export interface Place {
  /** Keys from the root to the mapping, or to the value, that the cursor is in. */
  readonly path: readonly string[];
  /** What may come here. An item of a list may be either. */
  readonly expects: ReadonlySet<'key' | 'value'>;
  /** Keys that stand in the mapping already. */
  readonly present: ReadonlySet<string>;
  /** What is typed before the cursor, and where in the text it begins. */
  readonly begun: string;
  readonly start: number;
  /** Column of the keys of the mapping; undefined inside of braces. */
  readonly indent: number | undefined;
}

const NONE: ReadonlySet<string> = new Set();
const KEY = /^(?:"([^"]*)"|'([^']*)'|([^\s#:{}[\],"'][^:#{}[\],]*?))\s*:(?:\s+([^]*))?$/;
const WORD = /^[\w.-]*$/;

/** Undefined where nothing can be said: in comments, in quotes and in texts of several lines. */
export function placeOf(text: string, caret: number): Place | undefined {
  const lines = text.split('\n');
  const at = text.slice(0, caret).split('\n').length - 1;
  const before = text.slice(text.lastIndexOf('\n', caret - 1) + 1, caret);
  const [, spaces = '', dashes = '', rest = ''] = /^( *)((?:- +)*)([^]*)$/.exec(before) ?? [];
  const indent = spaces.length + dashes.length;
  const path = ancestors(lines, at, indent);
  if (rest.startsWith('{') || rest.startsWith('[')) {
    return inFlow(rest, { path, caret });
  }
  const [isKey, quoted, single, plain, value] = KEY.exec(rest) ?? [];
  const key = quoted ?? single ?? plain;
  if (isKey !== undefined && key !== undefined) {
    return value === undefined && !/\s$/.test(rest)
      ? undefined
      : inFlow(value ?? '', { path: [...path, key], caret });
  }
  if (!WORD.test(rest)) {
    return undefined;
  }
  return {
    path,
    expects: new Set(dashes === '' ? ['key'] : ['key', 'value']),
    present: dashes === '' ? keysAround(lines, at, indent) : NONE,
    begun: rest,
    start: caret - rest.length,
    indent,
  };
}

interface Level {
  readonly isMap: boolean;
  readonly present: Set<string>;
  /** The key whose value comes. */
  key: string | undefined;
}

/** Inside of what stands behind a key on its line. */
function inFlow(
  value: string,
  { path, caret }: { readonly path: readonly string[]; readonly caret: number },
): Place | undefined {
  const levels: Level[] = [];
  let token = '';
  let quote = '';
  for (let position = 0; position < value.length; position += 1) {
    const sign = value.charAt(position);
    const top = levels.at(-1);
    if (quote !== '') {
      quote = sign === quote ? '' : quote;
      token += sign;
    } else if ((sign === '"' || sign === "'") && token.trim() === '') {
      quote = sign;
      token = sign;
    } else if (sign === '#' && /^\s?$/.test(value.charAt(position - 1))) {
      return undefined;
    } else if ((sign === '{' || sign === '[') && token.trim() === '') {
      levels.push({ isMap: sign === '{', present: new Set(), key: undefined });
      token = '';
    } else if (top !== undefined && (sign === '}' || sign === ']')) {
      levels.pop();
      token = ' ';
    } else if (top !== undefined && sign === ',') {
      top.key = undefined;
      token = '';
    } else if (top?.isMap === true && top.key === undefined && sign === ':') {
      top.key = token.trim().replaceAll(/["']/g, '');
      top.present.add(top.key);
      token = '';
    } else {
      token += sign;
    }
  }
  const begun = token.trimStart();
  if (quote !== '' || !WORD.test(begun)) {
    return undefined;
  }
  const top = levels.at(-1);
  const expectsKey = top?.isMap === true && top.key === undefined;
  return {
    path: [...path, ...levels.flatMap(({ key }) => key ?? [])],
    expects: new Set([expectsKey ? 'key' : 'value']),
    present: top?.present ?? NONE,
    begun,
    start: caret - begun.length,
    indent: undefined,
  };
}

/** Keys of the mappings around, the outermost first. */
function ancestors(lines: readonly string[], at: number, indent: number): string[] {
  const path: string[] = [];
  let limit = indent;
  for (let line = at - 1; line >= 0 && limit > 0; line -= 1) {
    const { depth, key } = parsed(lines[line] ?? '');
    if (key !== undefined && depth < limit) {
      path.unshift(key);
      limit = depth;
    }
  }
  return path;
}

/** Keys of the same mapping, above and below. */
function keysAround(lines: readonly string[], at: number, indent: number): ReadonlySet<string> {
  const found = new Set<string>();
  for (const step of [-1, 1]) {
    for (let line = at + step; line >= 0 && line < lines.length; line += step) {
      const { depth, key, isBlank, isItem } = parsed(lines[line] ?? '');
      const isNextItem = isItem && depth === indent && step === 1;
      if ((!isBlank && depth < indent) || isNextItem) {
        break;
      }
      if (key !== undefined && depth === indent) {
        found.add(key);
      }
      if (isItem && depth === indent) {
        break; // the mapping begins here
      }
    }
  }
  return found;
}

interface Parsed {
  /** Column of the key. */
  readonly depth: number;
  readonly key: string | undefined;
  readonly isBlank: boolean;
  /** Whether it begins an item of a list. */
  readonly isItem: boolean;
}

function parsed(line: string): Parsed {
  const [, spaces = '', dashes = '', rest = ''] = /^( *)((?:- +)*)(.*)$/.exec(line) ?? [];
  const [, quoted, single, plain] = KEY.exec(rest) ?? [];
  return {
    depth: spaces.length + dashes.length,
    key: quoted ?? single ?? plain,
    isBlank: /^\s*(?:#.*)?$/.test(line),
    isItem: dashes !== '',
  };
}
