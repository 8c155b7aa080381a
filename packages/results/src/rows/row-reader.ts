import type { Select } from '@fetchfleet/crawl';
import { compile } from './fields.ts';
import { parseRow, type Row, RowJson } from './row.ts';

/** Which records become rows, and what of them. */
export interface RowOptions {
  /** Only records with these outcomes. @default all */
  readonly outcomes?: readonly string[] | undefined;
  /** A JSONPath: the part of each body to keep. */
  readonly select?: string | undefined;
  /** A JSONPath to a list in each body: each of its items is a row. */
  readonly explode?: string | undefined;
}

const NONE: readonly Row[] = [];

/** Makes rows of the lines of an export. */
export class RowReader {
  readonly #outcomes: ReadonlySet<unknown> | undefined;
  readonly #select: Select | undefined;
  readonly #explode: Select | undefined;
  readonly #items = compile('$[*]', '--explode');
  /** Lines that are no records. */
  invalid = 0;
  /** Records with other outcomes. */
  leftOut = 0;
  /** Records without a list to explode. */
  withoutList = 0;

  /** @throws FieldsError for a path that is none */
  constructor({ outcomes, select, explode }: RowOptions) {
    this.#outcomes = outcomes && new Set(outcomes);
    this.#select = select === undefined ? undefined : compile(select, '--select');
    this.#explode = explode === undefined ? undefined : compile(explode, '--explode');
  }

  /** @param line without its newline */
  rowsOf(line: Buffer): Iterable<Row> {
    const row = parseRow(line);
    if (row === undefined) {
      this.invalid += 1;
      return NONE;
    }
    if (this.#outcomes?.has(row.head['outcome']) === false) {
      this.leftOut += 1;
      return NONE;
    }
    if (this.#explode !== undefined) {
      return this.#explodeRow(row, this.#explode);
    }
    return [this.#select === undefined ? row : selectRow(row, this.#select)];
  }

  *#explodeRow(row: Row, explode: Select): Generator<Row> {
    const items = this.#itemsOf(row, explode);
    if (items === undefined) {
      this.withoutList += 1;
      return;
    }
    for (const [position, item] of items.entries()) {
      yield { head: row.head, headText: row.headText, position, item: new RowJson(item) };
    }
  }

  /** The items of the list that a path leads to; or all values that it selects. */
  #itemsOf({ head, body }: Row, explode: Select): readonly string[] | undefined {
    const document = head.bodyEncoding === undefined ? body?.document : undefined;
    const texts = document && explode(document);
    if (texts === undefined || !explode.isSingular) {
      return texts;
    }
    const [list] = texts;
    return list?.startsWith('[') === true ? this.#items(list) : undefined;
  }
}

/**
 * Keeps a part of a body, as workers do for `keep.select`: what is not JSON stays as it came, and
 * so does the body of a failure, which says what went wrong.
 */
function selectRow(row: Row, select: Select): Row {
  const { head, headText, body } = row;
  const isWhole = head.bodyEncoding !== undefined || head['outcome'] !== 'ok';
  const texts = isWhole || body?.document === undefined ? undefined : select(body.document);
  if (texts === undefined) {
    return row;
  }
  const [first] = texts;
  if (first === undefined) {
    return { head, headText };
  }
  return { head, headText, body: new RowJson(select.isSingular ? first : `[${texts.join(',')}]`) };
}
