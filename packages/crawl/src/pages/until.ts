import type { Until } from '../model/paginate.ts';
import type { JsonDocument } from '../select/json-document.ts';
import { compileSelect } from '../select/select.ts';

const NOTHING = ['null'];
const FALSE = ['null', 'false'];
const EMPTY = ['null', '[]', '{}', '""'];

/** Whether a page is the last one; undefined if it is not JSON. */
export type IsLast = (document: JsonDocument | undefined) => boolean | undefined;

/** @throws SelectError */
export function compileUntil(until: Until): IsLast {
  if ('true' in until) {
    return judge(until.true, (values) => values.length > 0 && values.every(isOneOf(['true'])));
  }
  if ('empty' in until) {
    return judge(until.empty, (values) => values.every(isOneOf(EMPTY)));
  }
  return 'missing' in until
    ? judge(until.missing, (values) => values.every(isOneOf(NOTHING)))
    : judge(until.false, (values) => values.every(isOneOf(FALSE)));
}

function judge(path: string, isLast: (values: readonly string[]) => boolean): IsLast {
  const select = compileSelect(path);
  return (document) => {
    const values = document && select(document);
    return values && isLast(values);
  };
}

function isOneOf(texts: readonly string[]): (text: string) => boolean {
  return (text) => texts.includes(text);
}
