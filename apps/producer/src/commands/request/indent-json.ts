const STEP = '  ';

/**
 * The lines of a valid JSON text as people read it. Numbers, the order of keys and keys that come
 * twice stay as they are, unlike in what is parsed and written again.
 */
export function* indentJson(json: string): Generator<string> {
  let line = '';
  let depth = 0;
  let opened = '';
  for (const token of tokensOf(json)) {
    const isClosing = token === '}' || token === ']';
    if (opened !== '' && !isClosing) {
      yield line;
      depth += 1;
      line = STEP.repeat(depth);
    } else if (isClosing && opened === '') {
      yield line;
      depth -= 1;
      line = STEP.repeat(depth);
    }
    opened = token === '{' || token === '[' ? token : '';
    line += token;
    if (token === ',') {
      yield line;
      line = STEP.repeat(depth);
    } else if (token === ':') {
      line += ' ';
    }
  }
  if (line !== '') {
    yield line;
  }
}

function* tokensOf(json: string): Generator<string> {
  const token = /[{}[\],:"]|[^\s{}[\],:"]+/gu;
  for (let found = token.exec(json); found !== null; found = token.exec(json)) {
    const [text] = found;
    if (text === '"') {
      token.lastIndex = endOfString(json, found.index);
      yield json.slice(found.index, token.lastIndex);
    } else {
      yield text;
    }
  }
}

/** One expression for the whole of a long string with many escapes would overflow the stack. */
function endOfString(json: string, start: number): number {
  const mark = /["\\]/gu;
  mark.lastIndex = start + 1;
  for (let found = mark.exec(json); found !== null; found = mark.exec(json)) {
    if (found[0] === '"') {
      return mark.lastIndex;
    }
    mark.lastIndex += 1; // the character that is escaped
  }
  return json.length;
}
