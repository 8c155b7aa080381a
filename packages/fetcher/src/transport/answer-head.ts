/** How many bytes of a body follow a head. */
type Framing =
  | { readonly kind: 'length'; readonly bytes: number }
  | { readonly kind: 'chunks' }
  /** Everything until the connection ends. */
  | { readonly kind: 'rest' };

/** The head of an answer as strict parsers read it, and the framing that follows from it. */
export interface AnswerHead {
  readonly status: number;
  /** As Latin-1, its lines and the empty one ended by CRLF; as it came, unless it is odd. */
  readonly text: string;
  readonly framing: Framing;
}

export const NO_STATUS_LINE = 'the answer does not begin with a status line';

/** Some servers say HTTP/2 on a connection of HTTP/1.1. */
const STATUS_LINE = /^HTTP\/(?:1\.(\d)|2(?:\.0)?)[ \t]+([1-9]\d\d)(?!\d)[ \t]?(.*)$/i;
/** A value keeps the spaces behind it: taking them off here would cost the square of a long run. */
const HEADER_LINE = /^([^:\s]+)[ \t]*:[ \t]*(.*)$/;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
// oxlint-disable-next-line no-control-regex -- matches control characters on purpose
const CONTROLS = /[\x00-\x08\x0a-\x1f\x7f]/g;
const VALUE = '[\\t -~\\x80-\\xff]*\\r\\n';
const LENGTH = inAnyCase('content-length:');
const CODING = inAnyCase('transfer-encoding:');
const OTHERS = `(?:(?!${LENGTH}|${CODING})${TOKEN.source.slice(1, -1)}:${VALUE})*`;
/**
 * Nothing unusual: one space, no folding, no control characters, CRLF, one length or `chunked`. It
 * is read in one pass, because every line can be matched in one way only.
 */
const PLAIN = new RegExp(
  `^HTTP/1\\.1 ([2-5]\\d\\d) ${VALUE}${OTHERS}` +
    `(?:${LENGTH}[ \\t]*(\\d{1,15})|${CODING}[ \\t]*${inAnyCase('chunked')})\\r\\n${OTHERS}\\r\\n$`,
);
const DIGITS = /^\d{1,15}$/;

/** Transfer codings that do not change the bytes of a body. */
const FRAMING_CODINGS = new Set(['', 'chunked', 'identity']);

/** Statuses that have no body, whatever their headers say. */
const BODILESS = new Set([204, 304]);

/**
 * Reads the head of an answer leniently, as curl does: lines that end with LF, folded lines, space
 * around names, control characters, lengths that are repeated or contradicted by chunks. It is
 * written again if it is not plain, because parsers refuse such a head, each another one. A string:
 * the reason for which it is refused.
 *
 * @param text the head as Latin-1, with the line ends of its last line and of the empty one
 */
export function readHead(text: string): AnswerHead | string {
  return readPlain(text) ?? readOdd(text);
}

/** The usual head, which needs no other bytes. */
function readPlain(text: string): AnswerHead | undefined {
  const found = PLAIN.exec(text);
  const status = Number(found?.[1]);
  if (found === null || BODILESS.has(status)) {
    return undefined;
  }
  const length = found[2];
  const framing: Framing =
    length === undefined ? { kind: 'chunks' } : { kind: 'length', bytes: Number(length) };
  return { status, text, framing };
}

/** The names alone: a flag of the expression would make every other class slower. */
function inAnyCase(name: string): string {
  return name.replaceAll(/[a-z]/g, (letter) => `[${letter.toUpperCase()}${letter}]`);
}

function readOdd(text: string): AnswerHead | string {
  const [first = '', ...lines] = unfold(text);
  const [, minor = '', code = '', reason = ''] = STATUS_LINE.exec(first) ?? [];
  if (code === '') {
    return NO_STATUS_LINE;
  }
  if (text.includes('\0')) {
    return 'the headers hold a NUL byte';
  }
  const status = Number(code);
  const fields: string[] = [];
  const lengths = new Set<string>();
  const codings: string[] = [];
  for (const line of lines) {
    const [, name = '', value = ''] = HEADER_LINE.exec(line) ?? [];
    const lower = name.toLowerCase();
    if (lower === 'content-length') {
      for (const length of value.split(',')) {
        lengths.add(length.trim().replace(/^0+(?=\d)/, ''));
      }
    } else if (lower === 'transfer-encoding') {
      codings.push(
        ...value
          .toLowerCase()
          .split(',')
          .map((coding) => coding.trim()),
      );
    } else if (TOKEN.test(name)) {
      // A line that is no header is left out.
      fields.push(`${name}: ${value.replaceAll(CONTROLS, ' ').trim()}\r\n`);
    }
  }
  const framing = framingOf(status, lengths, codings);
  if (typeof framing === 'string') {
    return framing;
  }
  const layers = codings.filter((coding) => !FRAMING_CODINGS.has(coding));
  if (layers.length > 0) {
    // What the connection compressed is undone like what the origin compressed.
    fields.push(`content-encoding: ${layers.join(', ').replaceAll(CONTROLS, ' ')}\r\n`);
  }
  const isBodyAnnounced = codings.length > 0 || [...lengths].some((length) => length !== '0');
  const mustClose = BODILESS.has(status) && isBodyAnnounced;
  if (mustClose) {
    // A body may follow all the same, and it must not be read as the next answer.
    fields.push('connection: close\r\n');
  }
  // Parsers disagree on an HTTP/1.0 that says both keep-alive and close.
  const version = minor === '0' && !mustClose ? '1.0' : '1.1';
  const start = `HTTP/${version} ${code} ${reason.replaceAll(CONTROLS, ' ')}\r\n`;
  return { status, text: `${start}${fields.join('')}${framingLine(framing)}\r\n`, framing };
}

/** The lines of a head. A line that begins with a space continues the one before. */
function unfold(text: string): string[] {
  return text
    .replace(/^[\r\n]+/, '')
    .replaceAll(/\r?\n[ \t]+/g, ' ')
    .split(/\r?\n/)
    .filter((line) => line !== '');
}

function framingOf(
  status: number,
  lengths: ReadonlySet<string>,
  codings: readonly string[],
): Framing | string {
  if (BODILESS.has(status)) {
    return { kind: 'length', bytes: 0 };
  }
  if (codings.includes('chunked')) {
    return { kind: 'chunks' };
  }
  const [length, another] = lengths;
  if (length === undefined || codings.some((coding) => !FRAMING_CODINGS.has(coding))) {
    return { kind: 'rest' };
  }
  if (another !== undefined) {
    return 'the answer has two different lengths';
  }
  return DIGITS.test(length)
    ? { kind: 'length', bytes: Number(length) }
    : 'the length of the answer is no number';
}

function framingLine(framing: Framing): string {
  if (framing.kind === 'length') {
    return `content-length: ${framing.bytes}\r\n`;
  }
  return framing.kind === 'chunks' ? 'transfer-encoding: chunked\r\n' : '';
}
