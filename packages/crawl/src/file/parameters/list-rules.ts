import type { ListRules } from '../../model/plan.ts';
import type { ListFile } from '../../model/parameter-source.ts';
import type { Field } from '../../yaml/field.ts';
import { readBoolean, readChoice, readText } from '../../yaml/read-field.ts';

/** Keys of a parameter that say how its list file is read. */
export const LIST_KEYS = ['trim', 'blank', 'comment', 'delimiter', 'encoding'] as const;

type ListKey = (typeof LIST_KEYS)[number];

export const BLANKS = ['refuse', 'keep', 'skip'] as const;
const ENCODINGS =
  'utf-8, utf-16le, utf-16be, windows-1252 (also as latin1), iso-8859-15, shift_jis, gb18030, ' +
  'big5, euc-kr, koi8-r and the other names of https://encoding.spec.whatwg.org';
/** Longer ones are a mistake: a comment is marked by a sign. */
const MAX_COMMENT = 8;

/** Every default is written out: naming one does not make another batch. */
export function readListRules(
  at: (key: ListKey) => Field | undefined,
  format: ListFile['format'],
): ListRules {
  const comment = readComment(at('comment'));
  const delimiter = readDelimiter(at('delimiter'), format);
  const encoding = readEncoding(at('encoding'));
  return {
    trim: readBoolean(at('trim')) ?? true,
    blank: readChoice(at('blank'), BLANKS) ?? (format === 'txt' ? 'skip' : 'refuse'),
    ...(comment !== undefined && { comment }),
    ...(delimiter !== undefined && { delimiter }),
    ...(encoding !== undefined && { encoding }),
  };
}

function readComment(field: Field | undefined): string | undefined {
  const text = readText(field);
  if (text !== undefined && (text.length > MAX_COMMENT || /[\s"]/u.test(text))) {
    field?.report(
      `${field.shown} cannot mark comments; allowed: up to ${MAX_COMMENT} characters without ` +
        'blanks and quotes, such as "#" or "//"',
    );
  }
  return text;
}

function readDelimiter(field: Field | undefined, format: ListFile['format']): string | undefined {
  if (field !== undefined && format !== 'csv') {
    field.reportKey(`a .${format} file has no cells: delimiter is for .csv files`);
    return undefined;
  }
  const text = readText(field);
  if (text === undefined || (Array.from(text).length === 1 && !/["\r\n]/u.test(text))) {
    return text === ',' ? undefined : text;
  }
  field?.report(
    `${field.shown} is not a delimiter; allowed: one character, such as ";" or "|"; ` +
      'a tab is written "\\t"',
  );
  return undefined;
}

function readEncoding(field: Field | undefined): string | undefined {
  const label = readText(field);
  if (label === undefined) {
    return undefined;
  }
  try {
    return new TextDecoder(label, { fatal: true }).encoding;
  } catch {
    field?.report(`${field.shown} is not a known encoding; allowed: ${ENCODINGS}`);
    return undefined;
  }
}
