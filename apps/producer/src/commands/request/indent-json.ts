const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/gsu;
const STEP = '  ';

/**
 * The lines of a valid JSON text as people read it. Numbers, the order of keys and keys that come
 * twice stay as they are, unlike in what is parsed and written again.
 */
export function indentJson(json: string): string[] {
  const lines: string[] = [];
  let line = '';
  let depth = 0;
  let opened = '';
  for (const [token] of json.matchAll(TOKEN)) {
    const isClosing = token === '}' || token === ']';
    if (opened !== '' && !isClosing) {
      lines.push(line);
      depth += 1;
      line = STEP.repeat(depth);
    } else if (isClosing && opened === '') {
      lines.push(line);
      depth -= 1;
      line = STEP.repeat(depth);
    }
    opened = token === '{' || token === '[' ? token : '';
    line += token;
    if (token === ',') {
      lines.push(line);
      line = STEP.repeat(depth);
    } else if (token === ':') {
      line += ' ';
    }
  }
  return line === '' ? lines : [...lines, line];
}
