import { suggestion } from '../model/suggestion.ts';
import { trimInvisible } from './invisible.ts';
import { type ListFile, type ReadOptions, rulesOf, valueOf } from './list-row.ts';
import { readLines } from './text-lines.ts';

/** Ignores blank lines, as the NDJSON specification allows. */
export async function* readNdjson(file: ListFile, options: ReadOptions): AsyncGenerator<string[]> {
  const { onProblem, problemOf } = options;
  const rules = rulesOf(file);
  const key = file.column ?? '';
  let line = 0;
  for await (const lines of readLines(file, options.signal)) {
    const values: string[] = [];
    for (const written of lines) {
      line++;
      const text = trimInvisible(written);
      if (text === '' || (rules.comment !== undefined && text.startsWith(rules.comment))) {
        continue;
      }
      const found = valueOfRow(text, { key, line, onProblem });
      const value =
        found === undefined ? undefined : valueOf(found, line, { rules, onProblem, problemOf });
      if (value !== undefined) {
        values.push(value);
      }
    }
    yield values;
  }
}

interface RowPlace extends Pick<ReadOptions, 'onProblem'> {
  readonly key: string;
  readonly line: number;
}

function valueOfRow(text: string, { key, line, onProblem }: RowPlace): string | undefined {
  const row = parseJson(text);
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    onProblem(line, 'the line is not a JSON object');
    return undefined;
  }
  const fields = new Map<string, unknown>(Object.entries(row));
  const value = fields.get(key);
  if (typeof value === 'string') {
    return value;
  }
  if (typeof value === 'number') {
    return digitsOf(text, key) ?? String(value);
  }
  if (typeof value === 'boolean') {
    return String(value);
  }
  // What other formats write as a blank cell.
  if (value === null) {
    return '';
  }
  const hint = fields.has(key) ? '' : suggestion(key, [...fields.keys()]);
  const what = fields.has(key)
    ? `"${key}" is neither a text nor a number`
    : `there is no key "${key}"`;
  onProblem(line, what + hint);
  return undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller reports that it is not a JSON object.
    return undefined;
  }
}

type Reviver = (
  this: unknown,
  key: string,
  value: unknown,
  context?: { source?: string },
) => unknown;

/**
 * The digits of a number in the outermost object: 12345678901234567890 and 1.10 stay as written.
 */
function digitsOf(text: string, key: string): string | undefined {
  const found: { holder: unknown; source: string | undefined }[] = [];
  let root: unknown;
  const reviver: Reviver = function reviver(name, value, context) {
    if (name === key) {
      found.push({ holder: this, source: context?.source });
    }
    // The last call is for a wrapper, whose only entry is the outermost value.
    if (name === '') {
      root = value;
    }
    return value;
  };
  JSON.parse(text, reviver);
  return found.findLast(({ holder }) => holder === root)?.source;
}
